# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients of a share server that break its protocol, beside a VM.

    clients = Clients('/run/share.sock', 8, folder)
    ...
    clients.stop()
    if not clients.good:
        print(clients.said)

The program (tests/qtest/dmashare-share-fuzz.c) judges what it is answered.
"""
import os
import subprocess

import common

PROGRAM = 'tests/qtest/dmashare/dmashare-share-fuzz'
# Messages a second: a host of two CPUs that does nothing but answer them leaves
# the guest too little to keep its limits of time.
RATE = 20000
SEED = 0x5eed0005
STOP_SECONDS = 180      # it waits for answers, from a host that may be busy


def find():
    """The program, of the emulator's own build."""
    path = os.path.join(common.BUILD, 'qemu', PROGRAM)
    if not os.access(path, os.X_OK):
        common.die(f'there is no {path}: run make qemu')
    return path


class Clients:
    """So many of them, until they are told to stop."""

    def __init__(self, socket, count, folder, pass_fds=(), seed=None):
        self.log = os.path.join(folder, 'hostile.log')
        words = [find(), socket, str(count), '0',
                 str(SEED if seed is None else seed), str(RATE)]
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=log, stderr=log,
                pass_fds=pass_fds)
        self.good = None        # whether the server did nothing wrong
        self.said = ''

    def stop(self):
        """Have them end; what they did or found is in `said`."""
        if self.good is not None:
            return
        try:
            self.process.stdin.close()
        except OSError:
            pass
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = 'timeout'
        with open(self.log, encoding='utf-8', errors='replace') as f:
            lines = f.read().strip().splitlines()
        self.said = lines[-1] if lines else f'nothing, status {status}'
        self.good = status == 0
