# SPDX-License-Identifier: GPL-2.0-or-later
"""A scenario's recordings, and their replay with no guest (docs/recording.rst).

    tape = Tape(machine, folder, name)
    tape.start()        # before the scenario: the driver starts anew
    tape.stop()
    tape.replay(50)     # '' or what was not equal

A recording begins with a device that no driver has, so the driver is loaded
while it goes on.
"""
import contextlib
import os
import re
import subprocess

import common
import hardware
import vm

PROGRAM = os.path.join(common.BUILD,
                       'qemu/tests/qtest/dmashare/dmashare-replay')
DRIVER = 'dmashare'
# Loading and unloading the driver, and one replay.
SECONDS = 60
REPLAY_SECONDS = 120


class Tape:
    """One scenario, all devices of its VM."""

    def __init__(self, machine, folder, name):
        self.machine = machine
        self.name = name
        self.folder = os.path.join(folder, 'recordings')
        self.files = {}         # by device
        self.said = []          # of each replay: what it was like

    def _run(self, *words):
        result = self.machine.run(words, SECONDS)
        if result.status:
            raise vm.VmError(f'{" ".join(words)}: '
                             + result.err.decode(errors='replace').strip())

    def start(self):
        """Every device from now on."""
        os.makedirs(self.folder, exist_ok=True)
        self._run('rmmod', DRIVER)
        for index in range(self.machine.settings.devices):
            path = os.path.join(self.folder, f'{self.name}-{index}.record')
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
            self.machine.qmp('dmashare-record-start', filename=path,
                             path=f'/machine/peripheral/dmashare{index}')
            self.files[index] = path
        self._run('modprobe', DRIVER)

    def stop(self):
        """One that has ended by itself, as with a device that was pulled out,
        is whole."""
        for index in self.files:
            path = f'/machine/peripheral/dmashare{index}'
            if self.machine.qmp('query-dmashare', path=path)[0]['recording']:
                done = self.machine.qmp('dmashare-record-stop', path=path)
                if not done['complete']:
                    raise vm.VmError(f'the recording of dmashare{index} is '
                                     'not complete')

    def replay(self, times):
        """Play each so many times: '' when all were equal."""
        for index, path in self.files.items():
            result = subprocess.run(
                [PROGRAM, '--repeat', str(times), path], text=True,
                env={**os.environ, 'QTEST_QEMU_BINARY': hardware.find_qemu()},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                check=False, timeout=REPLAY_SECONDS + times)
            said = [line for line in result.stdout.splitlines()
                    if line.startswith('dmashare-replay: ')]
            if result.returncode:
                return (f'the replay of dmashare{index} is not equal: '
                        + (' / '.join(said) or result.stdout.strip()))
            self.said.append(self._digest(said))
        return ''

    @staticmethod
    def _digest(said):
        """ "34 entries, SHA-256 ..." of what a replay said."""
        found = re.search(r'\d+ entries, SHA-256 \w+', '\n'.join(said))
        return found[0] if found else said[-1] if said else ''
