#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The conformance table must not say more than what passed, must not lose what
it had, and must leave no cell empty without a reason."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = os.path.join(HERE, '..', '..', 'scripts')
sys.path[:0] = [HERE, os.path.join(SCRIPTS, 'lib')]
import conformance  # noqa: E402
import tapunit  # noqa: E402

PLAN = '''
# a comment
group first
operation attach an importer joins
operation map it gets addresses
group second
operation poll.read ready to read
rendering CONTEXT_CREATE
counterpart user nobody else
counterpart vgem a driver
mode plain default,pair the usual one
mode odd odd another one
ignore kunit
reason attach,map user * * a program is no importer
reason poll.* vgem 7.* * newer kernels do not
reason * * * odd only the first operation differs there
'''


class Base(unittest.TestCase):
    """A folder with a plan, results and a document."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name
        self.plan = self.file('plan', PLAN)
        self.output = os.path.join(self.dir, 'table.rst')

    def file(self, name, text):
        """A file with that text; its path."""
        path = os.path.join(self.dir, name)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        return path

    def results(self, release, *cases, vm='default'):
        """A file of results: each case is (outcome, words)."""
        suites = [{'name': 't', 'seconds': 1.0, 'vm': vm, 'cases': [
            {'name': f'c{i}', 'outcome': outcome, 'reason': '', 'detail': '',
             'covers': words.split(), 'errnos': []}
            for i, (outcome, words) in enumerate(cases)]}]
        return self.file(f'{release}.json', json.dumps(
            {'planned': ['t'], 'kernel': {'name': 'k', 'release': release},
             'suites': suites}))

    def run_it(self, *arguments, partial=False):
        """scripts/conformance: (status, stdout, stderr)"""
        # The real list of suites is not what these results are of: a plan of
        # which everything is planned is had by --partial, and judged by hand.
        words = [os.path.join(SCRIPTS, 'conformance'), '--plan', self.plan,
                 '--output', self.output, *arguments]
        if partial:
            words.append('--partial')
        done = subprocess.run(
            words, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, 'DMASHARE_BUILD': self.dir})
        return done.returncode, done.stdout, done.stderr

    def renderer(self, built):
        """What the build has to say of it."""
        os.makedirs(os.path.join(self.dir, 'render'), exist_ok=True)
        self.file('render/built', built + '\n')


class Plan(Base):
    """What the plan may say."""

    def refused(self, text, part):
        """Reading the plan with that line added fails, saying `part`."""
        with self.assertRaises(conformance.Bad) as caught:
            conformance.read_plan(self.file('bad', PLAN + text + '\n'))
        self.assertIn(part, str(caught.exception))

    def test_read(self):
        plan = conformance.read_plan(self.plan)
        self.assertEqual(list(plan.operations), ['attach', 'map', 'poll.read'])
        self.assertEqual(plan.mode_of['pair'], 'plain')
        self.assertEqual(plan.ignored, {'kunit'})

    def test_refusals(self):
        self.refused('opertion x y', 'what is opertion')
        self.refused('operation attach again', 'there already')
        self.refused('operation lonely', 'too few words')
        self.refused('reason attach user 6.12 plain', 'too few words')
        self.refused('reason atach user * * misspelt', 'no operation is')
        self.refused('reason attach usr * * misspelt', 'no counterpart is')
        self.refused('reason attach user * plian misspelt', 'no mode is')

    def test_first_reason_counts(self):
        plan = conformance.read_plan(self.plan)
        found = plan.reason(('6.12', 'odd', 'attach', 'user'))
        self.assertIn('no importer', found.text)
        self.assertIsNone(plan.reason(('6.12', 'plain', 'attach', 'vgem')))
        self.assertIsNotNone(plan.reason(('7.3', 'plain', 'poll.read',
                                          'vgem')))
        self.assertIsNone(plan.reason(('6.12', 'plain', 'poll.read', 'vgem')))


class Count(Base):
    """What counts."""

    def count(self, *cases, vm='default'):
        plan = conformance.read_plan(self.plan)
        suite = conformance.tap.Suite('t', [
            conformance.tap.Case(f'c{i}', outcome, covers=words.split())
            for i, (outcome, words) in enumerate(cases)], vm=vm)
        return conformance.count(plan, '6.12', [suite])

    def test_only_passes(self):
        cells, wrong = self.count(('passed', 'attach:vgem map:vgem'),
                                  ('failed', 'attach:vgem'),
                                  ('skipped', 'poll.read:user'),
                                  ('passed', 'attach:vgem attach:vgem'))
        self.assertEqual(cells, {('6.12', 'plain', 'attach', 'vgem'): 2,
                                 ('6.12', 'plain', 'map', 'vgem'): 1})
        self.assertEqual(wrong, [])

    def test_modes_add_up(self):
        cells, _ = self.count(('passed', 'attach:vgem'), vm='odd')
        self.assertEqual(list(cells), [('6.12', 'odd', 'attach', 'vgem')])
        self.assertEqual(self.count(('passed', 'attach:vgem'), vm='kunit'),
                         ({}, []))

    def test_unknown(self):
        for words in ('atach:vgem', 'attach:vgm', 'attach'):
            cells, wrong = self.count(('passed', words))
            self.assertEqual(cells, {})
            self.assertIn(words, wrong[0])
        _, wrong = self.count(('passed', 'attach:vgem'), vm='new')
        self.assertIn('the VM new', wrong[0])
        # What failed is judged for itself, not for its words.
        self.assertEqual(self.count(('failed', 'atach:vgem')), ({}, []))

    def test_series(self):
        self.assertEqual(conformance.series('6.12.57+deb12-amd64'), '6.12')
        with self.assertRaises(conformance.Bad):
            conformance.series('')


class Cells(Base):
    """Empty and lost cells."""

    def setUp(self):
        super().setUp()
        self.all = conformance.read_plan(self.plan)

    def test_unexplained(self):
        cells = {('6.12', 'plain', 'attach', 'vgem'): 1,
                 ('6.12', 'plain', 'poll.read', 'user'): 1}
        left = conformance.unexplained(self.all, '6.12', cells)
        self.assertEqual(left, [('6.12', 'plain', 'map', 'vgem'),
                                ('6.12', 'plain', 'poll.read', 'vgem')])

    def test_lost(self):
        old = {('6.12', 'plain', 'map', 'vgem'): 3,
               ('7.3', 'plain', 'map', 'vgem'): 3}
        self.assertEqual(conformance.lost(old, '6.12', {}),
                         [('6.12', 'plain', 'map', 'vgem')])
        self.assertEqual(conformance.lost(
            old, '6.12', {('6.12', 'plain', 'map', 'vgem'): 1}), [])

    def test_idle_reasons(self):
        idle = conformance.idle_reasons(
            self.all, {('6.12', 'plain', 'attach', 'vgem'): 1})
        self.assertEqual([r.text for r in idle], ['newer kernels do not'])


HEADER = '''
/*
 * Unless an ioctl says otherwise, a bad pointer gives EFAULT.
 */
/* EIGHT is no errno of a call, nor is this comment about one: EXDEV */
/**
 * struct x - DRM_IOCTL_DMASHARE_BO_X
 * @a: in
 *
 * EINVAL: @a. E2BIG, ENOSPC: see there.
 */
'''


class Errnos(Base):
    """What the header says, against what was seen."""

    def missing(self, *seen, plan='', outcome='passed'):
        path = self.file('p', PLAN + plan)
        suite = conformance.tap.Suite('t', [
            conformance.tap.Case('c', outcome, errnos=list(seen))])
        return conformance.missing_errnos(conformance.read_plan(path), HEADER,
                                          [suite])

    def test_documented(self):
        self.assertEqual(conformance.documented_errnos(HEADER), {
            ('any', 'EFAULT'), ('BO_X', 'EINVAL'), ('BO_X', 'E2BIG'),
            ('BO_X', 'ENOSPC')})

    def test_all_seen(self):
        every = ('any EFAULT', 'BO_X EINVAL', 'BO_X E2BIG', 'BO_X ENOSPC')
        self.assertEqual(self.missing(*every), [])
        self.assertEqual(self.missing(*every[1:]), ['any EFAULT'])
        self.assertEqual(len(self.missing(*every, outcome='failed')), 4)

    def test_plan(self):
        every = ('any EFAULT', 'BO_X EINVAL', 'BO_X E2BIG')
        self.assertEqual(self.missing(*every, plan='unseen BO_X ENOSPC why'),
                         [])
        self.assertIn('was seen', self.missing(
            *every, 'BO_X ENOSPC', plan='unseen BO_X ENOSPC why')[0])
        self.assertIn('not documented', self.missing(
            *every, 'BO_X ENOSPC', plan='unseen BO_X EIO why')[0])
        self.assertEqual(self.missing(*every, 'BO_X ENOSPC',
                                      plan='errno Y EIO EBUSY'),
                         ['Y EBUSY', 'Y EIO'])

    def test_real_header(self):
        path = os.path.join(SCRIPTS, '..', 'guest-driver/include/uapi/drm',
                            'dmashare_drm.h')
        with open(path, encoding='utf-8') as f:
            found = conformance.documented_errnos(f.read())
        self.assertIn(('BO_MOVE', 'EBUSY'), found)
        self.assertIn(('any', 'EFAULT'), found)
        self.assertGreater(len(found), 40)


class Documents(Base):
    """What is written, and read again."""

    def test_round_trip(self):
        plan = conformance.read_plan(self.plan)
        cells = {('6.12', 'plain', 'attach', 'vgem'): 12,
                 ('7.3', 'odd', 'poll.read', 'user'): 3}
        text = conformance.Document(plan, cells).text()
        self.assertEqual(conformance.read_document(text), cells)
        self.assertLess(text.index('Linux 6.12, plain'),
                        text.index('Linux 7.3, plain'))
        self.assertIn('   poll.read,3,', text)
        # An operation with the same reason in all its cells is not a row.
        self.assertNotIn('   map,d', text)
        self.assertIn('Nowhere, because of', text)
        self.assertTrue(all(len(line) <= 80 for line in text.splitlines()))

    def test_kernels_in_order(self):
        plan = conformance.read_plan(self.plan)
        text = conformance.Document(plan, {
            ('10.2', 'plain', 'map', 'vgem'): 1,
            ('6.12', 'plain', 'map', 'vgem'): 1}).text()
        self.assertLess(text.index('Linux 6.12'), text.index('Linux 10.2'))

    def test_letters(self):
        self.assertEqual([conformance.letters(i) for i in (0, 25, 26, 53)],
                         ['a', 'z', 'aa', 'bb'])


class Program(Base):
    """scripts/conformance as make calls it."""

    def test_write_keeps_other_kernels(self):
        old = self.results('7.3.4', ('passed', 'attach:vgem'))
        self.run_it(old, partial=True)
        new = self.results('6.12.1', ('passed', 'map:vgem'))
        status, _, _ = self.run_it(new, partial=True)
        self.assertEqual(status, 0)
        with open(self.output, encoding='utf-8') as f:
            cells = conformance.read_document(f.read())
        self.assertEqual(cells, {('7.3', 'plain', 'attach', 'vgem'): 1,
                                 ('6.12', 'plain', 'map', 'vgem'): 1})

    def test_unknown_word_fails(self):
        path = self.results('6.12.1', ('passed', 'mp:vgem'))
        status, _, err = self.run_it(path, partial=True)
        self.assertEqual(status, 1)
        self.assertIn('mp:vgem', err)
        status, out, _ = self.run_it(path, '--check', partial=True)
        self.assertEqual(status, 1)
        self.assertIn('not ok 1 Linux 6.12: what cases cover', out)
        self.assertIn('ok 2', out)

    def test_partial_is_refused(self):
        path = self.results('6.12.1', ('passed', 'map:vgem'))
        status, _, err = self.run_it(path)
        self.assertEqual(status, 1)
        self.assertIn('not of all suites', err)
        self.assertFalse(os.path.exists(self.output))

    def test_full_run(self):
        """All suites planned: lost and unexplained cells are failures."""
        sys.path.insert(0, os.path.join(SCRIPTS, 'lib'))
        import guest    # pylint: disable=import-outside-toplevel
        import rows     # pylint: disable=import-outside-toplevel
        planned = [rows.suite_name(entry, name) for entry in guest.read_list()
                   for name in entry.vms]

        def results(words):
            path = self.results('6.12.1', *[('passed', w) for w in words])
            with open(path, encoding='utf-8') as f:
                data = json.load(f)
            data['planned'] = planned
            return self.file('full.json', json.dumps(data))

        everything = ('attach:vgem', 'map:vgem', 'poll.read:user',
                      'poll.read:vgem')
        # None of the errnos of the real header is in these results.
        self.renderer('yes')
        _, out, err = self.run_it('--check', results(everything))
        self.assertEqual(err, '')
        self.assertEqual([line for line in out.splitlines()
                          if line.startswith('not ok')],
                         ['not ok 4 Linux 6.12: every documented errno was '
                          'seen',
                          'not ok 5 Linux 6.12: every documented errno of '
                          'rendering was seen'])
        # Each is told where it belongs.
        first, second = out.split('not ok 4')
        self.assertIn('# BO_MMAP ENOSPC', first)
        self.assertNotIn('# CONTEXT_CREATE', first)
        self.assertIn('# CONTEXT_CREATE EINVAL', second)
        self.renderer('there is no library')
        status, out, _ = self.run_it('--check', results(everything))
        self.assertEqual(status, 1)
        self.assertIn('not ok 4', out)
        self.assertIn('ok 5 Linux 6.12: every documented errno of rendering '
                      'was seen # SKIP there is no library', out)
        self.assertNotIn('# CONTEXT_CREATE', out)
        # A reason of another kernel explains nothing here: to be mended.
        status, _, err = self.run_it(results(everything))
        self.assertEqual(status, 1)
        self.assertIn('newer kernels do not', err)
        status, out, _ = self.run_it('--check', results(everything[1:]))
        self.assertEqual(status, 1)
        self.assertIn('not ok 2 Linux 6.12: what had passes has some', out)
        self.assertIn('not ok 3 Linux 6.12: every empty cell', out)
        self.assertIn('# attach with vgem (Linux 6.12, plain)', out)


if __name__ == '__main__':
    tapunit.main()
