#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The runner of the guest tests: what its lists may say, who gets which work,
and that a splat and a leak which are planted are found.  Boots two VMs."""
import os
import subprocess
import sys
import tempfile
import types
import unittest
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(TOP, 'scripts', 'lib'))
import guest  # noqa: E402  (needs the path above)
import hardware  # noqa: E402
import rows  # noqa: E402
import tapunit  # noqa: E402

LEAK = '''
#include <linux/module.h>
#include <linux/slab.h>
static void *kept;
static void leak_exit(void)
{
        /* Memory that nobody frees, by code that is about to go. */
        WRITE_ONCE(kept, kmalloc(120, GFP_KERNEL));
}
module_exit(leak_exit);
static int leak_init(void) { return 0; }
module_init(leak_init);
MODULE_DESCRIPTION("leaves memory behind");
MODULE_LICENSE("GPL");
'''

# A process that outlives its program, as one of a session of its own does, and
# keeps a module in use.
HOLD = '''
modprobe vgem
setsid sh -c "exec </dev/dri/card0 >/dev/null 2>&1; : >/tmp/up
              exec sleep 1000" &
while ! [ -e /tmp/up ]; do usleep 1000; done
'''


def kernel(name='debian', release='6.12.95+deb12-amd64'):
    """As much of a kernel as a restriction looks at."""
    return types.SimpleNamespace(name=name, release=release)


def entry(name, timeout=100.0, arguments=()):
    """A test in the VM "default"."""
    return guest.Entry(name, ['default'], timeout, list(arguments))


class Lists(unittest.TestCase):
    """tests/guest/list and tests/guest/vms."""

    def read(self, tests='a - \n', vms='default IOMMU=vtd\n'):
        """What guest.py makes of two such files."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, text in (('LIST', tests), ('VMS', vms)):
            path = os.path.join(folder.name, name)
            with open(path, 'w', encoding='utf-8') as f:
                f.write(text)
            patch = mock.patch.object(guest, name, path)
            patch.start()
            self.addCleanup(patch.stop)
        return guest.read_list(), guest.read_vms()

    def refused(self, words, **files):
        """These files end the program with a line that has the words."""
        with mock.patch('common.die', side_effect=SystemExit) as die:
            with self.assertRaises(SystemExit):
                self.read(**files)
        for word in words:
            self.assertIn(word, die.call_args[0][0])

    def test_the_projects_own(self):
        self.assertTrue(guest.read_list())

    def test_values_with_blanks(self):
        _, vms = self.read(vms="v MEM=1G KERNEL_ARGS='a=1 b'  # c\n")
        self.assertEqual(vms['v'].variables,
                         {'MEM': '1G', 'KERNEL_ARGS': 'a=1 b'})

    def test_labels(self):
        entries, _ = self.read('a:one default 5 x\na:two default 6 y z\n')
        self.assertEqual([(e.name, e.program, e.arguments) for e in entries],
                         [('a:one', 'a', ['x']), ('a:two', 'a', ['y', 'z'])])
        self.assertEqual(rows.suite_name(entries[0], 'v'), 'a:one@v')

    def test_twice(self):
        self.refused(['a is there already'], tests='a default 5\na default 5')

    def test_restricted(self):
        entries, vms = self.read(
            "a default 5\na only 7.0+ it's newer: #1\n"
            'a@default only debug why\n',
            'default IOMMU=vtd\ndefault only 7.0- old\n')
        self.assertEqual(entries[0].only[''].reason, "it's newer: #1")
        self.assertEqual(entries[0].only['default'].kernel, 'debug')
        self.assertEqual(vms['default'].only.reason, 'old')

    def test_restriction_without_reason(self):
        self.refused(['NAME only KERNEL REASON'],
                     tests='a default 5\na only debug\n')

    def test_full(self):
        entries, _ = self.read('a default 5\na full debug long\n'
                               'b default 5\nb@default full 7.0+ why\n')
        self.assertEqual((entries[0].full[''].reason, entries[0].only),
                         ('long', {}))
        self.assertEqual(entries[1].full['default'].kernel, '7.0+')
        self.refused(['NAME full KERNEL REASON'],
                     tests='a default 5\na full debug\n')

    def test_full_vm(self):
        _, vms = self.read(vms='default IOMMU=vtd\ndefault full 7.0+ long\n')
        self.assertEqual((vms['default'].full.kernel, vms['default'].only),
                         ('7.0+', None))
        self.refused(['brief'], vms='default IOMMU=vtd\n'
                                    'default brief debug why\n')

    def test_needs(self):
        _, vms = self.read(vms='default IOMMU=vtd\nv IOMMU=vtd\n'
                               'v needs render/no such program\n'
                               'default needs . it is there\n')
        self.assertEqual((vms['v'].needs.file, vms['v'].needs.reason),
                         ('render/no', 'such program'))
        self.assertFalse(vms['v'].needs.there())
        self.assertTrue(vms['default'].needs.there())
        self.refused(['NAME needs FILE REASON'],
                     vms='default IOMMU=vtd\ndefault needs render/no\n')
        self.refused(['is a VM'], tests='a default 5\na needs x why\n')

    def test_needs_built(self):
        with tempfile.TemporaryDirectory() as folder, \
                mock.patch.object(guest.common, 'BUILD', folder):
            for name, text in (('program', ''), ('built', 'turned off\n')):
                with open(os.path.join(folder, name), 'w',
                          encoding='utf-8') as f:
                    f.write(text)
            needs = guest.Needs('program', 'why')
            self.assertFalse(needs.there())
            self.assertEqual(needs.reason, 'turned off')
            with open(os.path.join(folder, 'built'), 'w',
                      encoding='utf-8') as f:
                f.write('yes\n')
            self.assertTrue(needs.there())

    def test_brief(self):
        (entry, other), _ = self.read('a default,v 5 x\na@v brief debug long\n'
                                      'b default 5\n',
                                      'default IOMMU=vtd\nv IOMMU=none\n')
        debug = kernel('debug', '7.3.4')
        self.assertEqual(entry.briefly('v', debug).arguments, ['--brief', 'x'])
        self.assertEqual(entry.briefly('v', debug).name, 'a')
        self.assertEqual(entry.briefly('v', kernel()).arguments, ['x'])
        self.assertEqual(entry.briefly('default', debug).arguments, ['x'])
        self.assertIs(other.briefly('default', debug), other)

    def test_restriction_of_nothing(self):
        self.refused(['b is'], tests='a default 5\nb only debug why\n')
        self.refused(['a@x is'], tests='a default 5\na@x only debug why\n')

    def test_bad_version(self):
        self.refused(['new+'], tests='a default 5\na only new+ why\n')

    def test_allows(self):
        debug = kernel('debug', '7.3.4-dmashare-debug')
        for word, old, new in (('7.0+', False, True), ('7.0-', True, False),
                               ('6.12+', True, True), ('6.9+', True, True),
                               ('7.3-', True, False), ('debug', False, True),
                               ('debian', True, False)):
            only = guest.Only(word, 'why')
            self.assertEqual((only.allows(kernel()), only.allows(debug)),
                             (old, new), word)

    def test_unknown_variable(self):
        self.refused(['NOSUCH=1'], vms='default NOSUCH=1\n')


class Scheduling(unittest.TestCase):
    """Who gets which work."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.logs = folder.name
        self.said = []
        patch = mock.patch.object(rows, 'results',
                                  lambda *words: self.said.append(words))
        patch.start()
        self.addCleanup(patch.stop)

    def plan(self, times, **work):
        """A plan of rows: {name: [suites]}."""
        plan = rows.Plan('group', self.logs, kernel(), None)
        plan.times = times
        for name, suites in work.items():
            plan.add(name, hardware.Settings(), [entry(s) for s in suites])
        return plan

    def test_longest_first(self):
        plan = self.plan({'a': 1, 'b': 9, 'c': 5}, default=['a', 'b', 'c'])
        self.assertEqual([e.name for e in plan.rows[0].left],
                         ['b', 'c', 'a'])

    def test_the_row_with_the_most(self):
        plan = self.plan({'a@x': 30, 'b@y': 50}, x=['a'], y=['b'])
        self.assertEqual(plan._choose().name, 'y')

    def test_a_second_vm_for_a_long_row(self):
        plan = self.plan({'a@x': 60, 'b@x': 60, 'c@y': 20}, x=['a', 'b'],
                         y=['c'])
        plan.rows[0].active = 1
        plan.jobs = 2
        self.assertEqual(plan._choose().name, 'x')

    def test_no_second_vm_while_others_have_as_much(self):
        plan = self.plan({'a@x': 60, 'b@x': 60, 'c@y': 50, 'd@z': 80},
                         x=['a', 'b'], y=['c'], z=['d'])
        plan.rows[0].active = 1
        plan.jobs = 2
        self.assertEqual(plan._choose().name, 'z')
        plan.rows[2].left.clear()
        plan.rows[2].active = 1
        self.assertEqual(plan._choose().name, 'x')

    def test_no_second_vm_when_it_is_not_worth_it(self):
        plan = self.plan({'a@x': 3}, x=['a'])
        plan.rows[0].active = 1
        self.assertIsNone(plan._choose())

    def test_everything_is_run_once(self):
        plan = self.plan({}, x=list('abcdefgh'), y=list('ijkl'))
        seen = []

        def run(boot):
            boot.row.case(True, 'boots')
            while (one := plan.next(boot.row)) is not None:
                seen.append(rows.suite_name(one, boot.row.name))
        with mock.patch.object(rows.vm, 'Machine'), \
                mock.patch.object(rows.Boot, 'run', run):
            plan.run(3)
        self.assertEqual(sorted(seen), [f'{c}@x' for c in 'abcdefgh']
                         + [f'{c}@y' for c in 'ijkl'])
        self.assertEqual([w[2] for w in self.said if w[0] == 'add'],
                         ['vm-x', 'vm-y'])

    def test_a_row_is_good_when_every_boot_was(self):
        row = rows.Row('x', hardware.Settings(), [])
        for good in (True, False, True):
            row.boots += 1
            row.case(good, 'boots', 'why')
        self.assertEqual(row.cases['boots'], (False, 'why (boot 2)', ''))


class Planted(unittest.TestCase):
    """What goes wrong on purpose, in VMs."""

    def setUp(self):
        if not os.path.exists(guest.AGENT):
            self.skipTest('the guest programs are not built: run '
                          'scripts/build vm')
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.said = []
        patch = mock.patch.object(rows, 'results',
                                  lambda *words: self.said.append(words))
        patch.start()
        self.addCleanup(patch.stop)

    def run_row(self, entries, **settings):
        """Run these in a VM without the device; {suite: [cases that failed]}
        and the VM's own cases."""
        settings = hardware.Settings(accel='tcg', devices=0, iommu='none',
                                     **settings)
        booted = guest.prepare(settings)
        plan = rows.Plan('group', self.folder, *booted)
        plan.add('default', settings, entries)
        plan.run(1)
        failed = {}
        for words in self.said:
            if words[0] == 'fail':
                failed.setdefault(words[2], []).append(words[3:5])
        own = {text: case[0] for text, case in plan.rows[0].cases.items()}
        return failed, own

    def test_splat(self):
        failed, own = self.run_row([
            entry('sh:a', 3, ['-c', 'echo "<4>WARNING: CPU: 0 PID: 1 at x.c:1'
                              ' f+0x1/0x2" >/dev/kmsg']),
            entry('sh:b', 2, ['-c', 'sleep 1000']),
            entry('sh:c', 1, ['-c', 'kill -SEGV $$'])])
        self.assertEqual([case for case, _ in failed['sh:a']], ['console'])
        self.assertIn('WARNING', failed['sh:a'][0][1])
        self.assertIn('did not end in time', failed['sh:b'][0][1])
        self.assertIn('signal 11', failed['sh:c'][0][1])
        # The splat was in a VM of its own; the others' was clean to the end.
        self.assertEqual(own, dict.fromkeys(own, True))
        self.assertIn('modules_unload', own)

    def test_left_behind(self):
        folder = os.path.join(self.folder, 'leak')
        os.makedirs(folder)
        for name, text in (('leak.c', LEAK), ('Kbuild', 'obj-m += leak.o\n')):
            with open(os.path.join(folder, name), 'w', encoding='ascii') as f:
                f.write(text)
        description = guest.find_kernel().dir
        headers = os.path.realpath(os.path.join(description, 'headers'))
        source = os.path.join(description, 'source')
        words = ['make', '-C', headers]
        if os.path.exists(source):
            words = ['make', '-C', os.path.realpath(source), f'O={headers}']
        made = subprocess.run(
            words + [f'M={folder}', 'CONFIG_DEBUG_INFO_BTF_MODULES=',
                     'modules'],
            check=False, capture_output=True, text=True)
        self.assertEqual(made.returncode, 0, made.stderr)
        # It need not wait for what does not come.
        with mock.patch.object(rows, 'EPILOGUE_ARGUMENTS', ['--brief']), \
                mock.patch.dict(os.environ,
                                MODULES=os.path.join(folder, 'leak.ko')):
            failed, own = self.run_row([
                # The longer one is first, or it would be loaded where the
                # other was and give its code a name again.
                entry('sh:hold', 20, ['-c', HOLD]),
                entry('sh:leak', 10, ['-c', 'rmmod leak'])],
                kernel_args='slab_debug=U')
        self.assertEqual(failed, {})
        self.assertFalse(own.pop('slab_has_nothing_of_theirs'))
        self.assertFalse(own.pop('modules_unload'))
        self.assertEqual(own, dict.fromkeys(own, True))


if __name__ == '__main__':
    tapunit.main()
