#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The reader of TAP and KTAP must never make a bad run look good."""
import json
import os
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'scripts', 'lib'))
sys.path.insert(0, os.path.join(TOP, 'tests', 'scripts'))
import tap  # noqa: E402  (needs the path above)
import tapunit  # noqa: E402


def outcomes(text):
    """The cases of TEXT as (name, outcome, reason)."""
    return [(c.name, c.outcome, c.reason) for c in tap.parse(text)]


class Reading(unittest.TestCase):
    """One behaviour of the parser each."""

    def test_flat(self):
        self.assertEqual(
            outcomes('1..2\nok 1 /a/b\nnot ok 2 - c\n'),
            [('/a/b', 'passed', ''), ('c', 'failed', '')])

    def test_plan_last(self):
        self.assertEqual(outcomes('ok 1 a\n1..1\n'), [('a', 'passed', '')])

    def test_skip_keeps_reason(self):
        self.assertEqual(outcomes('1..1\nok 1 a # SKIP no heap here\n'),
                         [('a', 'skipped', 'no heap here')])

    def test_what_it_proves_stays_with_its_case(self):
        cases = tap.parse('1..3\n# covers: a:x b:y\n# errno: SUBMIT EINVAL\n'
                          'ok 1 one\nok 2 two\n# covers: c:z\n# noise\n'
                          '# covers: d:z\nnot ok 3 three\n')
        self.assertEqual([(c.covers, c.errnos) for c in cases],
                         [(['a:x', 'b:y'], ['SUBMIT EINVAL']), ([], []),
                          (['c:z', 'd:z'], [])])
        # ... and goes through the file that results are kept in.
        suite = tap.Suite('s', cases, 1.0, 'pair')
        self.assertEqual(tap.restore(json.loads(tap.dump(suite))), suite)

    def test_whole_suite_skipped(self):
        self.assertEqual(outcomes('1..0 # SKIP no device\n'),
                         [('all', 'skipped', 'no device')])

    def test_known_failure_is_not_a_pass(self):
        self.assertEqual(outcomes('1..1\nnot ok 1 a # TODO later\n'),
                         [('a', 'skipped', 'known to fail: later')])

    def test_no_plan(self):
        self.assertEqual(outcomes('ok 1 a\n')[-1],
                         ('plan', 'failed', 'no plan (1..N) was printed'))

    def test_empty(self):
        self.assertEqual([c[1] for c in outcomes('')], ['failed'])

    def test_empty_plan(self):
        self.assertEqual([c[1] for c in outcomes('1..0\n')], ['failed'])

    def test_truncated(self):
        self.assertEqual(outcomes('1..3\nok 1 a\n')[-1],
                         ('plan', 'failed', '3 results planned, 1 seen'))

    def test_too_many(self):
        self.assertEqual(outcomes('1..1\nok 1 a\nok 2 b\n')[-1],
                         ('plan', 'failed', '1 results planned, 2 seen'))

    def test_number_out_of_order(self):
        self.assertEqual(outcomes('1..2\nok 1 a\nok 3 b\n')[-1],
                         ('plan', 'failed', 'result 3 where 2 was due'))

    def test_bail_out(self):
        cases = outcomes('1..2\nok 1 a\nBail out! assertion failed\n')
        self.assertIn(('bail-out', 'failed', 'assertion failed'), cases)

    def test_nested_counts_leaves_only(self):
        text = ('KTAP version 1\n1..2\n'
                '  KTAP version 1\n  # Subtest: s\n  1..2\n'
                '  ok 1 a\n  ok 2 b\nok 1 s\n'
                'ok 2 t\n')
        self.assertEqual(outcomes(text),
                         [('s/a', 'passed', ''), ('s/b', 'passed', ''),
                          ('t', 'passed', '')])

    def test_three_levels(self):
        text = ('1..1\n  1..1\n    1..1\n    ok 1 a\n  ok 1 b\nok 1 c\n')
        self.assertEqual(outcomes(text), [('c/b/a', 'passed', '')])

    def test_nested_failure_counted_once(self):
        text = '1..1\n  1..2\n  ok 1 a\n  not ok 2 b\nnot ok 1 s\n'
        self.assertEqual([c[1] for c in outcomes(text)], ['passed', 'failed'])

    def test_parent_fails_alone(self):
        text = '1..1\n  1..1\n  ok 1 a\nnot ok 1 s\n'
        self.assertEqual(outcomes(text)[-1],
                         ('s/plan', 'failed', 'failed as a whole'))

    def test_nested_short_of_plan(self):
        text = '1..1\n  1..2\n  ok 1 a\nok 1 s\n'
        self.assertEqual(outcomes(text)[-1],
                         ('s/plan', 'failed', '2 results planned, 1 seen'))

    def test_cut_inside_subtest(self):
        cases = outcomes('1..1\n  1..2\n  ok 1 a\n')
        self.assertEqual(cases[0][1], 'passed')
        self.assertTrue(any(c[1] == 'failed' for c in cases))

    def test_detail_of_a_failure(self):
        cases = tap.parse('1..1\n# expected 1, got 2\nnot ok 1 a\n')
        self.assertEqual(cases[0].detail, '# expected 1, got 2')

    def test_hash_in_a_name_is_no_directive(self):
        self.assertEqual(outcomes('1..1\nok 1 buffer #3 freed\n'),
                         [('buffer #3 freed', 'passed', '')])


class Writing(unittest.TestCase):
    """What was read must survive being written."""

    def setUp(self):
        self.suite = tap.Suite('s', tap.parse(
            '1..3\nok 1 a\nnot ok 2 b\nok 3 c # SKIP not here\n'))
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def test_tap(self):
        path = os.path.join(self.dir.name, 'x.tap')
        tap.write_tap([self.suite], path)
        with open(path, encoding='utf-8') as f:
            again = tap.Suite('t', tap.parse(f.read()))
        self.assertEqual(tap.totals([again]), (1, 1, 1))

    def test_junit(self):
        path = os.path.join(self.dir.name, 'x.xml')
        self.suite.cases[1].detail = 'bad byte \x00 here'
        tap.write_junit('g', [self.suite], path)
        suite = ET.parse(path).getroot()[0]
        self.assertEqual((suite.get('tests'), suite.get('failures'),
                          suite.get('skipped')), ('3', '1', '1'))


if __name__ == '__main__':
    tapunit.main()
