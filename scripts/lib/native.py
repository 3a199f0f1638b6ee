# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenes rendered by virglrenderer in a process of the host, with no device:
what the device's pixels are compared with (tests/render/native.c)."""
import os
import subprocess

import common

PROGRAM = os.path.join(common.BUILD, 'tests/render/render-native')
BUILT = os.path.join(common.BUILD, 'render/built')
TIMEOUT = 300


class Failed(Exception):
    """It drew nothing."""


def missing():
    """Why there is no renderer, or ''."""
    if not os.path.exists(BUILT):
        return 'was not set up; run make'
    with open(BUILT, encoding='utf-8') as f:
        built = f.read().strip()
    return '' if built == 'yes' else built


def play(program, script, frame, repeat=1, last=0, environment=None):
    """(microseconds of each of the last steps, each time; the bytes that were
    read), by render-native or what has the same arguments."""
    done = subprocess.run(
        [program, script, frame, str(repeat), str(last)], check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, timeout=TIMEOUT, env=environment)
    if done.returncode:
        raise Failed(f'{program} ended with status {done.returncode}: '
                     + done.stderr[-2000:].strip())
    times = [[float(word) for word in line.split()]
             for line in done.stdout.splitlines()]
    with open(frame, 'rb') as f:
        return times, f.read()


def different(one, other):
    """How many bytes are not the same."""
    if one == other:
        return 0
    return (sum(a != b for a, b in zip(one, other))
            + abs(len(one) - len(other)))


def colours(pixels):
    """How many there are, of four bytes each."""
    return len(set(memoryview(pixels).cast('I')))
