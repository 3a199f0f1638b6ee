#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The console checker must find every kind of splat, and nothing in a good
boot: a checker that cannot fail would make every guest test green."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)),
                                'scripts', 'lib'))
import console  # noqa: E402  (needs the path above)
import tapunit  # noqa: E402

# Lines of a good boot of a stock kernel that look alarming.
CLEAN = '''\
\x1bc\x1b[?7l\x1b[2J[    0.000000] Linux version 6.12.95+deb12-amd64
[    0.012345] DMAR: Host address width 39
[    0.012399] DMAR: DRHD base: 0x000000fed90000 flags: 0x0
[    0.110000] Spectre V2 : WARNING: Unprivileged eBPF is enabled
[    0.111000] MDS: Vulnerable: Clear CPU buffers attempted, no microcode
[    0.150000] rcu: Hierarchical RCU implementation.
[    0.151000] rcu: \tRCU restricting CPUs from NR_CPUS=8192 to nr_cpu_ids=1.
[    0.300000] DMA-API: preallocated 65536 debug entries
[    0.300100] DMA-API: debugging enabled by kernel config
[    0.300200] DMA-API: enable driver filter for driver [vgem]
[    0.400000] list_add_tail test passed
[    0.500000] BUGS: none known in this line
[    0.600000] kmemleak: Kernel memory leak detector initialized (mem pool)
[    0.700000] dmashare 0000:00:10.0: Adding to iommu group 3
[    2.700000] dmashare: loading out-of-tree module taints kernel.
[    2.700100] dmashare: module verification failed: signature and/or required
[    3.000000] dmashare-test: begin test-bo
[    3.100000] dmashare-test: end test-bo status=0
[    9.488854] ACPI: PM: Preparing to enter system sleep state S5
[    9.489639] reboot: Power down
'''

# One line of each kind of report, as the kernel prints it.
SPLATS = {
    'KASAN': 'BUG: KASAN: slab-use-after-free in dmashare_x+0x1/0x2',
    'KFENCE': 'BUG: KFENCE: out-of-bounds read in dmashare_x+0x1/0x2',
    'KCSAN': 'BUG: KCSAN: data-race in a / b',
    'lockdep': 'WARNING: possible circular locking dependency detected',
    'RCU usage': 'WARNING: suspicious RCU usage',
    'RCU stall': 'rcu: INFO: rcu_preempt self-detected stall on CPU',
    'lockup': 'watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [sh:1]',
    'hung task': 'INFO: task test-bo:99 blocked for more than 20 seconds.',
    'IOMMU fault': 'DMAR: [DMA Write NO_PASID] Request device [00:10.0] '
                   'fault addr 0xfffff000 [fault reason 0x05]',
    'DMA-API': 'DMA-API: dmashare 0000:00:10.0: device driver tries to free '
               'DMA memory it has not allocated',
    'UBSAN': 'UBSAN: array-index-out-of-bounds in a.c:1:2',
    'refcount': 'refcount_t: underflow; use-after-free.',
    'list corruption': 'list_del corruption. prev->next should be a, was b',
    'slab': 'BUG kmalloc-64 (Tainted: G OE): Object already free',
    'kmemleak': 'kmemleak: 3 new suspected memory leaks (see /sys/kernel)',
    'object debugging': 'ODEBUG: free active (active state 0) object: x',
    'page state': 'BUG: Bad page state in process sh  pfn:12345',
    'atomic context': 'BUG: sleeping function called from invalid context at '
                      'mm/x.c:1',
    'lost interrupt': 'irq 24: nobody cared (try booting with irqpoll)',
    'memory': 'Out of memory: Killed process 7 (test-bo)',
    'oops': 'Oops: general protection fault, probably for non-canonical',
    'panic': 'Kernel panic - not syncing: Fatal exception',
    'BUG': 'BUG: workqueue leaked atomic, lock or RCU: kworker/0:1',
    'WARNING': 'WARNING: CPU: 0 PID: 7 at drivers/x.c:1 x+0x1/0x2 [dmashare]',
    'timeout value': 'schedule_timeout: wrong timeout value ffffffffffffffff',
    'call trace': ' Call Trace:',
}


def stamped(*lines):
    """As they stand on the console."""
    return ''.join(f'[{i + 5:5d}.000001] {line}\r\n'
                   for i, line in enumerate(lines))


def kinds(text):
    """The kinds of what was found in TEXT."""
    return [finding.kind for finding in console.check(text)]


class Finds(unittest.TestCase):
    """Each kind; the methods are made below, one a kind."""

    def one(self, kind):
        """Exactly one finding, of that kind, for the right program."""
        text = CLEAN.replace('[    3.100000]',
                             f'[    3.050000] {SPLATS[kind]}\n[    3.100000]')
        found = console.check(text)
        self.assertEqual([f.kind for f in found], [kind])
        self.assertEqual(found[0].program, 'test-bo')
        self.assertIn(SPLATS[kind].strip(), found[0].excerpt)

    def test_each_pattern_has_a_case(self):
        self.assertEqual(sorted(SPLATS), sorted(k for k, _ in console.SPLATS))

    def test_virtio_iommu_fault(self):
        self.assertEqual(kinds(stamped(
            'virtio_iommu virtio1: page fault from EP 128 at 0xfffff000 [W]'
        )), ['IOMMU fault'])

    def test_cut_here_takes_the_name_of_what_follows(self):
        found = console.check(stamped(
            '------------[ cut here ]------------',
            'refcount_t: underflow; use-after-free.',
            'WARNING: CPU: 0 PID: 7 at lib/refcount.c:28 x+0x1/0x2',
            'Call Trace:', '---[ end trace 0000000000000000 ]---'))
        self.assertEqual([f.kind for f in found], ['refcount'])

    def test_line_without_an_end(self):
        self.assertEqual(kinds('[    1.000000] Kernel panic - not syncing: x'),
                         ['panic'])

    def test_line_in_two_pieces(self):
        checker = console.Checker()
        checker.feed_bytes(b'[    1.000000] Kernel pa')
        self.assertEqual(checker.findings, [])
        checker.feed_bytes(b'nic - not syncing: x\n')
        checker.finish()
        self.assertEqual([f.kind for f in checker.findings], ['panic'])

    def test_caller_in_the_stamp(self):
        self.assertEqual(kinds('[    1.000000][   T12] BUG: odd\n'), ['BUG'])

    def test_two_reports_are_two(self):
        report = ['WARNING: CPU: 0 PID: 7 at a.c:1 a+0x1/0x2', 'Call Trace:',
                  ' a+0x1/0x2', ' b+0x1/0x2', ' c+0x1/0x2', ' d+0x1/0x2',
                  ' e+0x1/0x2', ' f+0x1/0x2',
                  '---[ end trace 0000000000000000 ]---']
        self.assertEqual(kinds(stamped(*report, 'quiet', *report)),
                         ['WARNING', 'WARNING'])

    def test_report_runs_over_into_the_next_program(self):
        found = console.check(stamped(
            'dmashare-test: begin a', 'BUG: first', 'dmashare-test: end a',
            'dmashare-test: begin b', 'BUG: second', 'dmashare-test: end b'))
        self.assertEqual([f.program for f in found], ['a', 'b'])

    def test_excerpt_has_what_came_before(self):
        found = console.check(stamped('a hint', 'BUG: odd', 'and after'))
        self.assertIn('a hint', found[0].excerpt)
        self.assertIn('and after', found[0].excerpt)


for name in SPLATS:
    setattr(Finds, 'test_' + name.replace(' ', '_').replace('-', '_'),
            lambda self, kind=name: self.one(kind))


class Passes(unittest.TestCase):
    """What must not be found."""

    def test_clean_boot(self):
        self.assertEqual(console.check(CLEAN), [])

    def test_empty(self):
        self.assertEqual(console.check(''), [])

    def test_expected_fault(self):
        self.assertEqual(kinds(stamped(
            'dmashare-test: begin a', 'dmashare-test: expect-dmar begin',
            SPLATS['IOMMU fault'], 'DMAR: DRHD: handling fault status reg 2',
            'dmashare-test: expect-dmar end', 'dmashare-test: end a')), [])


class ExpectedFaults(unittest.TestCase):
    """The markers excuse faults between them and nothing else."""

    def test_after_the_end(self):
        self.assertEqual(kinds(stamped(
            'dmashare-test: expect-dmar begin', SPLATS['IOMMU fault'],
            'dmashare-test: expect-dmar end', SPLATS['IOMMU fault'])),
                         ['IOMMU fault'])

    def test_other_splats_between(self):
        self.assertEqual(kinds(stamped(
            'dmashare-test: expect-dmar begin', SPLATS['IOMMU fault'],
            SPLATS['WARNING'], 'dmashare-test: expect-dmar end')),
                         ['WARNING'])

    def test_none_came(self):
        self.assertEqual(kinds(stamped(
            'dmashare-test: expect-dmar begin',
            'dmashare-test: expect-dmar end')), ['expected fault'])

    def test_left_open(self):
        self.assertEqual(kinds(stamped(
            'dmashare-test: begin a', 'dmashare-test: expect-dmar begin',
            SPLATS['IOMMU fault'], 'dmashare-test: end a',
            SPLATS['IOMMU fault'])), ['expected fault', 'IOMMU fault'])


    def burst(self, later):
        """Faults told of at once, and an expectation LATER seconds after."""
        fault = f'[    1.000000] {SPLATS["IOMMU fault"]}\n'
        return kinds('[    0.900000] dmashare-test: expect-dmar begin\n'
                     + fault * 6 +
                     '[    1.100000] dmashare-test: expect-dmar end\n'
                     f'[    {later}] dmashare-test: expect-dmar begin\n'
                     f'[    {later}] dmashare-test: expect-dmar end\n')

    def test_none_could_come(self):
        self.assertEqual(self.burst('4.000000'), [])

    def test_none_came_though_it_could(self):
        self.assertEqual(self.burst('8.000000'), ['expected fault'])


class Known(unittest.TestCase):
    """What a stock kernel does by itself excuses itself and nothing else."""

    late = ('schedule_timeout: wrong timeout value fffffffffffffffe',
            'CPU: 0 UID: 0 PID: 9 Comm: vivid-000-vid-c Tainted: G OE',
            'Call Trace:', ' <TASK>', ' dump_stack_lvl+0x64/0x80',
            ' vivid_thread_vid_cap+0x3b2/0x440 [vivid]', ' </TASK>')

    def test_late_vivid(self):
        checker = console.read(stamped(*self.late, 'quiet', *self.late))
        self.assertEqual(checker.findings, [])
        self.assertEqual(len(checker.known), 2)

    def test_the_same_elsewhere(self):
        text = stamped(*self.late).replace('vivid_thread', 'dmashare_thread')
        self.assertEqual(kinds(text), ['timeout value'])

    def test_another_report_right_after(self):
        self.assertEqual(kinds(stamped(*self.late, SPLATS['WARNING'])),
                         ['WARNING'])

    def test_another_report_in_the_middle(self):
        text = stamped(*self.late[:4], SPLATS['KASAN'], *self.late[4:])
        self.assertIn('KASAN', kinds(text))


    slots = ('WARNING: possible circular locking dependency detected',
             '7.3.4-dmashare-debug #1 Tainted: G           O',
             'irq/25-pciehp/37 is trying to acquire lock:',
             'ffff888008ffe2d8 (&ctrl->reset_lock){.+.+}-{4:4}, at: '
             'pciehp_unconfigure_device+0x1d1/0x390', '',
             'but task is already holding lock:',
             'ffffffff82fe2d40 (pci_rescan_remove_lock){+.+.}-{4:4}, at: '
             'pciehp_unconfigure_device+0xdf/0x390')

    def test_locks_of_slots(self):
        checker = console.read(stamped(*self.slots))
        self.assertEqual(checker.findings, [])
        self.assertEqual(len(checker.known), 1)

    def test_our_locks_when_unplugged(self):
        text = stamped(*self.slots, ' dmashare_remove+0x1/0x2').replace(
            '&ctrl->reset_lock', '&ddev->state_sem')
        self.assertEqual(kinds(text), ['lockdep'])


class Taint(unittest.TestCase):
    """Exactly O and E are allowed."""

    def test_allowed(self):
        for value in (0, 1 << 12, 1 << 13, 12288):
            self.assertEqual(console.bad_taint(value), '')

    def test_every_other_bit(self):
        for bit in set(range(20)) - {12, 13}:
            self.assertTrue(console.bad_taint(12288 | 1 << bit), bit)


if __name__ == '__main__':
    tapunit.main()
