# SPDX-License-Identifier: GPL-2.0-or-later
"""How fast the time stamp counter of this machine's processor counts.

The kernel knows and tells nobody, so it is measured: the instruction RDTSC
against the monotonic clock.
"""
import ctypes
import functools
import mmap
import os
import time

# rdtsc; shl $32,%rdx; or %rdx,%rax; ret
CODE = b'\x0f\x31\x48\xc1\xe2\x20\x48\x09\xd0\xc3'
SECONDS = 0.05
TRIES = 20


def _sample(read):
    """(nanoseconds, ticks) at one moment: of many tries the quickest."""
    best = None
    for _ in range(TRIES):
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        ticks = read()
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        if best is None or after - before < best[0]:
            best = (after - before, (before + after) // 2, ticks)
    return best[1:]


@functools.lru_cache
def tsc_khz():
    """Ticks in a millisecond; None where it cannot be measured."""
    if os.uname().machine != 'x86_64':
        return None
    try:
        memory = mmap.mmap(-1, mmap.PAGESIZE, mmap.MAP_PRIVATE
                           | mmap.MAP_ANONYMOUS, mmap.PROT_READ
                           | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        return None
    memory.write(CODE)
    held = (ctypes.c_char * len(CODE)).from_buffer(memory)
    read = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(held))
    start = _sample(read)
    time.sleep(SECONDS)
    end = _sample(read)
    nanoseconds, ticks = end[0] - start[0], end[1] - start[1]
    # A counter that jumped (a machine that moved) is of no use.
    if nanoseconds <= 0 or not 10**5 < ticks * 10**6 // nanoseconds < 10**8:
        return None
    return ticks * 10**6 // nanoseconds
