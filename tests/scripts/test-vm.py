#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs the guest tests must tell a program that failed from one that
crashed, hung, or took the guest with it.  Boots VMs without the device."""
import hashlib
import os
import re
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)),
                                'scripts', 'lib'))
import console  # noqa: E402  (needs the path above)
import guest  # noqa: E402
import hardware  # noqa: E402
import hostclock  # noqa: E402
import tapunit  # noqa: E402
import vm  # noqa: E402

SETTINGS = {'accel': 'tcg', 'devices': 0}
# Whoever sleeps takes the port from the agent, over and over again.
AWAY = """cd /sys/bus/virtio/drivers/virtio_console
for i in 1 2 3 4 5; do
    echo before $i
    device=$(echo virtio*)
    echo $device >unbind
    echo away $i
    [ -z "$(ls /sys/class/virtio-ports)" ] || echo still there
    echo $device >bind
    echo after $i >&2
done"""
BOOTS = []      # kernel, initramfs


def setUpModule():
    """What every VM here boots."""
    if not os.path.exists(guest.AGENT):
        raise unittest.SkipTest('the guest agent is not built: run '
                                'scripts/build vm')
    BOOTS.extend(guest.prepare(hardware.Settings(**SETTINGS), bare=True))


def boot(folder, **settings):
    """A VM that answers."""
    machine = vm.Machine(hardware.Settings(**SETTINGS, **settings), *BOOTS,
                         folder)
    machine.start()
    try:
        machine.wait_ready()
    except vm.VmError:
        machine.stop()
        raise
    return machine


class Guest(unittest.TestCase):
    """Programs in one VM that stays up."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        # Its memory is a file, and there are clients, of a device that is not.
        cls.machine = boot(cls.folder.name, ram='shared',
                           device_args='share=unix:{share}')

    @classmethod
    def tearDownClass(cls):
        cls.machine.stop()
        cls.folder.cleanup()

    def sh(self, script, timeout=60):
        """Run a script by the guest's shell."""
        return self.machine.run(['sh', '-c', script], timeout)

    def test_status_and_streams(self):
        result = self.sh('echo one; echo two >&2; exit 3')
        self.assertEqual((result.status, result.out, result.err,
                          result.trouble()), (3, b'one\n', b'two\n', ''))

    def test_output_is_binary_and_whole(self):
        result = self.sh('dd if=/dev/urandom of=/tmp/x bs=1M count=4 '
                         '2>/dev/null; cat /tmp/x; sha256sum </tmp/x >&2')
        self.assertEqual(len(result.out), 4 << 20)
        self.assertEqual(hashlib.sha256(result.out).hexdigest(),
                         result.err.split()[0].decode())

    def test_arguments_arrive_as_they_are(self):
        words = ['printf', '%s|', '', 'a b', "'\"$x\\", '\n']
        self.assertEqual(self.machine.run(words, 60).out,
                         b"|a b|'\"$x\\|\n|")

    def test_no_such_program(self):
        self.assertEqual(self.machine.run(['nosuch'], 60).status, 127)

    def test_signal(self):
        result = self.sh('kill -SEGV $$')
        self.assertEqual((result.signal, result.status), (11, 139))
        self.assertTrue(result.trouble())

    def test_timeout(self):
        result = self.sh('echo before; sleep 1000', timeout=1)
        self.assertTrue(result.timed_out)
        self.assertEqual(result.out, b'before\n')
        self.assertIn('in time', result.trouble())

    def test_ignored_signals_do_not_help(self):
        result = self.sh('trap "" TERM INT HUP; while :; do :; done',
                         timeout=1)
        self.assertTrue(result.timed_out)

    def test_children_are_ended_with_their_parent(self):
        self.assertEqual(self.sh('sleep 4321 & echo done').out, b'done\n')
        # The pattern must not find the shell that looks for it.
        self.assertEqual(self.sh('ps -o args | grep -c "[s]leep 4321"').out,
                         b'0\n')

    def test_port_taken_and_given_back(self):
        result = self.sh(AWAY)
        self.assertEqual(result.out.decode(), ''.join(
            f'before {i}\naway {i}\n' for i in range(1, 6)))
        self.assertEqual(result.err.decode(), ''.join(
            f'after {i}\n' for i in range(1, 6)))
        self.assertEqual(self.sh('echo still here').out, b'still here\n')

    def test_qmp(self):
        self.assertEqual(self.machine.qmp('query-status')['status'],
                         'running')
        with self.assertRaises(vm.VmError):
            self.machine.qmp('no-such-command')

    def test_clients_of_the_host(self):
        result = self.sh("""
            cd /sys/class/virtio-ports
            port=/dev/$(dirname $(grep -lx org.dmashare.client */name))
            exec 3<>$port
            for line in 'x 0 reset' 'y 1 connect' 'z 2 drop' 'w 1 what'; do
                echo $line >&3
                read -r answer <&3
                echo $answer
            done""")
        self.assertEqual(result.out.decode().splitlines(), [
            'x ok', 'y error ENOENT No such file or directory',
            'z error ENOTCONN no client 2', 'w error EINVAL no command what'])

    def test_clock(self):
        khz = hostclock.tsc_khz()
        if khz is None:
            self.skipTest('no time stamp counter here')
        with open(self.machine.console, encoding='utf-8',
                  errors='replace') as f:
            text = f.read()
        found = re.findall(r'tsc: Detected (\d+\.\d+) MHz', text)
        self.assertEqual(round(float(found[-1]) * 1000), khz)
        self.assertNotIn('TSC unstable', text)

    def test_console_marks(self):
        self.sh('echo "dmashare-mark" >/dev/kmsg')
        # The console may be behind the channel that the results come by.
        deadline = time.monotonic() + 60
        text = ''
        seen = re.compile(r'dmashare-mark.*dmashare-test: end sh', re.S)
        while not seen.search(text):
            self.assertLess(time.monotonic(), deadline, text[-500:])
            with open(self.machine.console, encoding='utf-8',
                      errors='replace') as f:
                text = f.read()
        begin = text.rfind('dmashare-test: begin sh')
        self.assertLess(begin, text.rfind('dmashare-mark'))
        self.assertLess(text.rfind('dmashare-mark'),
                        text.rfind('dmashare-test: end sh'))
        self.assertEqual(console.check(text), [])


class Failing(unittest.TestCase):
    """VMs that do not live long."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def boot(self, **settings):
        machine = boot(self.folder.name, **settings)
        self.addCleanup(machine.stop)
        return machine

    def kinds(self, machine):
        with open(machine.console, 'rb') as f:
            return [finding.kind for finding in console.check(f.read())]

    def test_taint_and_panic(self):
        machine = self.boot()
        before = machine.run(['true'], 60).taint
        after = machine.run(
            ['sh', '-c', 'echo 64 >/proc/sys/kernel/tainted'], 60).taint
        self.assertEqual((console.bad_taint(before),
                          console.bad_taint(after)),
                         ('', 'U (asked for by a user)'))
        with self.assertRaises(vm.VmError) as caught:
            machine.run(['sh', '-c', 'echo c >/proc/sysrq-trigger'], 60)
        self.assertIn('ended', str(caught.exception))
        self.assertIn('Kernel panic', caught.exception.detail)
        # However few lines are asked for: the cause comes first.
        self.assertIn('Kernel panic', machine.console_tail(lines=3))
        self.assertEqual(self.kinds(machine), ['panic'])

    def test_program_powers_off(self):
        machine = self.boot()
        with self.assertRaises(vm.VmError):
            machine.run(['poweroff', '-f'], 60)

    def test_hang(self):
        machine = self.boot()
        machine.grace = 1
        machine.qmp('stop')     # a guest that does not answer at all
        with self.assertRaises(vm.VmError) as caught:
            machine.run(['true'], 1)
        self.assertIn('hung', str(caught.exception))

    def test_nmi_makes_the_kernel_show_where_it_is(self):
        machine = self.boot()
        machine.qmp('inject-nmi')
        with self.assertRaises(vm.VmError) as caught:
            machine.run(['sleep', '100'], 60)
        self.assertIn('NMI', caught.exception.detail)
        self.assertIn('panic', self.kinds(machine))

    def test_bad_device_property(self):
        with self.assertRaises(vm.VmError) as caught:
            self.boot(qemu_args='-device edu,nosuch=1')
        self.assertIn('nosuch', str(caught.exception))


if __name__ == '__main__':
    tapunit.main()
