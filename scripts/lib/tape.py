# SPDX-License-Identifier: GPL-2.0-or-later
"""A scenario's recordings, and their replay with no guest (docs/recording.rst).

    tape = Tape(machine, folder, name)
    tape.start()        # before the scenario: the driver starts anew
    tape.stop()
    tape.replay(50)     # '' or what was not equal

    against(folder, names, group, logs, 1)  # those that another version made

A recording begins with a device that no driver has, so the driver is loaded
while it goes on.
"""
import contextlib
import os
import re
import subprocess

import common
import hardware
import rows
import vm

PROGRAM = os.path.join(common.BUILD,
                       'qemu/tests/qtest/dmashare/dmashare-replay')
DRIVER = 'dmashare'
# Of a scenario and a device.
FILE = re.compile(r'(.+)-\d+\.record')
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
            wrong, said = play(path, times)
            if wrong:
                return f'the replay of dmashare{index} is not equal: {wrong}'
            self.said.append(said)
        return ''


def play(path, times):
    """What was not equal, or ''; and what its journals were like."""
    result = subprocess.run(
        [PROGRAM, '--repeat', str(times), path], text=True,
        env={**os.environ, 'QTEST_QEMU_BINARY': hardware.find_qemu()},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False, timeout=REPLAY_SECONDS + times)
    said = [line for line in result.stdout.splitlines()
            if line.startswith('dmashare-replay: ')]
    if result.returncode:
        return (' / '.join(said) or result.stdout.strip()
                or f'dmashare-replay ended with status {result.returncode}'), ''
    return '', _digest(said)


def _digest(said):
    """ "34 entries, SHA-256 ..." of what a replay said."""
    found = re.search(r'\d+ entries, SHA-256 \w+', '\n'.join(said))
    return found[0] if found else said[-1] if said else ''


def find(folder):
    """{scenario: its recordings}, of a folder that Tape has filled."""
    found = {}
    for file in sorted(os.listdir(folder)):
        if name := FILE.fullmatch(file):
            found.setdefault(name[1], []).append(os.path.join(folder, file))
    return found


def against(folder, names, group, logs, times):
    """Play to this device what another one was told and did: each recording of
    these scenarios must be equal.  One that has none was not compared."""
    there = find(folder)
    rows.results('start', group, *names)
    for name in names:
        if name not in there:
            rows.results('skip', group, name,
                         f'{folder} has no recording of it')
            continue
        path = os.path.join(logs, f'{name}.tap')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(f'TAP version 13\n1..{len(there[name])}\n')
            for number, file in enumerate(there[name], 1):
                wrong, said = play(file, times)
                case = os.path.basename(file)
                f.write(''.join(f'# {line}\n' for line in wrong.splitlines()))
                f.write(f'{"not ok" if wrong else "ok"} {number} {case}\n')
                common.say(f'{group}: {case}: '
                           + (f'DIFFERENT: {wrong}' if wrong else
                              f'equal: {said}'))
        rows.results('add', group, name, path)
