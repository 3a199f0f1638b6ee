#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever a user gets wrong, or lacks, must end in one clear line that says
what to do: no stack trace, no half-done work, a status that is not 0."""
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import tapunit  # noqa: E402  (beside this file)

# The inner make is a front door of its own, not a part of an outer make; and
# the user's choices of this run are not its choices.
DROPPED = ('MAKEFLAGS', 'MAKELEVEL', 'MFLAGS', 'MAKEOVERRIDES', 'KERNEL',
           'ACCEL', 'IOMMU', 'FULL', 'CMD', 'MODULES', 'DMASHARE_QEMU_SRC')


class Base(unittest.TestCase):
    """A build and a cache folder of one's own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name
        self.environment = {k: v for k, v in os.environ.items()
                            if k not in DROPPED}
        self.environment.update(
            DMASHARE_BUILD=os.path.join(self.dir, 'build'),
            DMASHARE_CACHE=os.path.join(self.dir, 'cache'))

    def refuses(self, command, *words):
        """The command fails, and one line of what it says has the words."""
        done = subprocess.run(command, cwd=TOP, env=self.environment,
                              capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=300)
        said = done.stdout + done.stderr
        self.assertNotEqual(done.returncode, 0, said)
        self.assertNotIn('Traceback', said)
        self.assertTrue(
            any(all(word in line for word in words)
                for line in said.splitlines()),
            f'no line with {words} in:\n{said}')


class Make(Base):
    """What is typed after `make`."""

    def test_unknown_accel(self):
        self.refuses(['make', 'vm', 'ACCEL=foo'],
                     'ACCEL=foo', 'auto', 'tcg', 'kvm')

    def test_unknown_iommu(self):
        self.refuses(['make', 'vm', 'IOMMU=foo'],
                     'IOMMU=foo', 'vtd', 'virtio', 'none')

    def test_empty_value(self):
        self.refuses(['make', 'vm', 'IOMMU='], 'permitted: vtd virtio none')

    def test_misspelt_variable(self):
        self.refuses(['make', 'vm', 'ACEL=tcg'], 'ACEL', 'permitted', 'ACCEL')

    def test_unknown_target(self):
        self.refuses(['make', 'chek'], 'chek', 'permitted', 'check')

    def test_not_a_qemu_tree(self):
        self.refuses(['make', 'qemu', f'QEMU_SRC={self.dir}'],
                     'not a QEMU source tree', 'QEMU_SRC=')

    def test_help_names_every_target(self):
        done = subprocess.run(['make', 'help'], cwd=TOP, capture_output=True,
                              env=self.environment, text=True, check=True)
        for target in ('demo', 'replay', 'check', 'vm', 'qtest', 'guest-test',
                       'lint', 'docs', 'clean'):
            self.assertIn(f'make {target}', done.stdout)


class Scripts(Base):
    """What lies behind it."""

    def test_missing_kernel(self):
        self.refuses(['scripts/kernel', '/no/such/kernel'],
                     '/no/such/kernel', 'KERNEL=')

    def test_not_a_qemu_tree(self):
        self.refuses(['scripts/qemu-source', f'--qemu-src={self.dir}'],
                     'not a QEMU source tree')

    def test_qemu_of_another_series(self):
        for name, text in (('VERSION', '9.9.9\n'), ('configure', '')):
            with open(os.path.join(self.dir, name), 'w',
                      encoding='utf-8') as f:
                f.write(text)
        self.refuses(['scripts/qemu-source', f'--qemu-src={self.dir}'],
                     'no hook patch for QEMU 9.9.9', '10.0')

    def test_unknown_group(self):
        self.refuses(['scripts/check', 'everything'], 'everything',
                     'permitted', 'guest-test')

    def test_group_of_no_kernel(self):
        self.refuses(['scripts/check', 'guest-test-nosuch'],
                     'scripts/kernel-nosuch')

    def test_not_a_number_of_vms(self):
        self.environment['JOBS'] = 'many'
        self.refuses(['scripts/guest-test', 'test-vm'], 'JOBS=many')

    def test_properties_of_no_second_device(self):
        self.environment['DEVICE2_ARGS'] = 'dma-bits=32'
        self.refuses(['scripts/vm', 'true'], 'DEVICES=2')

    def test_slots_are_there_or_not(self):
        self.environment['HOTPLUG'] = 'yes'
        self.refuses(['scripts/vm', 'true'], 'HOTPLUG=yes', '0 or 1')

    def test_memory_is_shared_or_not(self):
        self.environment['RAM'] = 'some'
        self.refuses(['scripts/vm', 'true'], 'RAM=some', 'private, shared')

    def test_hostile_to_what(self):
        self.environment['HOSTILE'] = '8'
        self.refuses(['scripts/vm', 'true'], 'share=unix:{share}')
        self.environment['HOSTILE'] = 'many'
        self.refuses(['scripts/vm', 'true'], 'HOSTILE=many')

    def test_cache_cannot_be_made(self):
        with open(os.path.join(self.dir, 'file'), 'w', encoding='utf-8'):
            pass
        self.environment['DMASHARE_CACHE'] = \
            os.path.join(self.dir, 'file', 'cache')
        self.refuses(['scripts/qemu-source'], 'cannot create',
                     'DMASHARE_CACHE=')

    def unshare(self, *how):
        """Skip where namespaces are not to be had."""
        command = ['unshare', *how]
        if os.getuid():
            command.append('--map-root-user')
        done = subprocess.run(command + ['true'], capture_output=True,
                              text=True, check=False)
        if done.returncode:
            self.skipTest('no namespaces here: '
                          + (done.stderr.strip() or 'unshare failed'))
        return command

    def test_no_network(self):
        self.refuses(self.unshare('--net') + ['scripts/qemu-source'],
                     'cannot reach the Debian archive', 'check the network',
                     'DMASHARE_MIRROR=')

    def test_full_disk(self):
        script = ('mount -t tmpfs -o size=20m none "$0" && '
                  'DMASHARE_BUILD=$0/build DMASHARE_CACHE=$0/cache '
                  'exec scripts/qemu-source')
        self.refuses(self.unshare('--mount')
                     + ['sh', '-c', script, self.dir],
                     'not enough space', 'DMASHARE_CACHE=')

    def test_missing_packages(self):
        # A package database without packages stands for a fresh machine.
        admin = os.path.join(self.dir, 'dpkg')
        os.makedirs(admin)
        with open(os.path.join(admin, 'status'), 'w', encoding='utf-8'):
            pass
        self.environment['DPKG_ADMINDIR'] = admin
        self.refuses(['scripts/build-deps', '--check'], 'missing packages:',
                     'gcc', 'sudo scripts/build-deps')

    def auto(self, *absent, able=('true',)):
        """build-deps --auto of a machine without these packages, and with an
        apt-get that has those alone; (status, what is said)."""
        listed = subprocess.run(
            ['scripts/build-deps', '--list'], cwd=TOP, check=True,
            capture_output=True, text=True).stdout.splitlines()
        tools = os.path.join(self.dir, 'tools')
        os.makedirs(tools, exist_ok=True)
        there = [name for name in (line.split()[0] for line in listed)
                 if name not in absent]
        for name, text in (
                ('id', 'echo 0'),
                ('dpkg-query', f'case " {" ".join(there)} " in '
                 '*" ${*: -1} "*) echo installed ;; *) exit 1 ;; esac'),
                ('apt-get', '[ "$1" = install ] || exit 0; '
                 'for p; do case $p in install|-*|Dpkg*) ;; '
                 f'{"|".join(able)}) ;; *) exit 100 ;; esac; done')):
            path = os.path.join(tools, name)
            with open(path, 'w', encoding='utf-8') as f:
                f.write(f'#!/bin/bash\n{text}\n')
            os.chmod(path, 0o755)
        done = subprocess.run(
            ['scripts/build-deps', '--auto'], cwd=TOP, check=False,
            env={**self.environment, 'PATH': f'{tools}:{os.environ["PATH"]}'},
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
            timeout=300)
        return done.returncode, done.stdout + done.stderr

    def test_nothing_is_missing(self):
        self.assertEqual(self.auto(), (0, ''))

    def test_no_renderer_is_no_failure(self):
        status, said = self.auto('libvirglrenderer-dev', 'libegl1')
        self.assertIn('there will be no renderer', said)
        self.assertEqual(status, 0, said)
        # What else is missing is installed without it, ...
        status, said = self.auto('libvirglrenderer-dev', 'sparse',
                                 able=('sparse',))
        self.assertIn('there will be no renderer', said)
        self.assertEqual(status, 0, said)
        # ... or nothing can be built.
        status, said = self.auto('libvirglrenderer-dev', 'sparse')
        self.assertNotIn('there will be no renderer', said)
        self.assertIn('could not install', said)
        self.assertNotEqual(status, 0, said)
        # The library alone is of no use.
        status, said = self.auto('libegl1')
        self.assertNotEqual(status, 0, said)

    def test_all_is_installed(self):
        status, said = self.auto('libvirglrenderer-dev', 'sparse',
                                 able=('sparse', 'libvirglrenderer-dev'))
        self.assertNotIn('no renderer', said)
        self.assertEqual(status, 0, said)


if __name__ == '__main__':
    tapunit.main()
