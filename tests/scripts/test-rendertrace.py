#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a frame's time is made of, from a trace that is known."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)),
                                'scripts', 'lib'))
import rendertrace  # noqa: E402  (needs the path above)
import tapunit  # noqa: E402


def trace(*events):
    """Lines of (microseconds, event and arguments)."""
    return [f'77@{1 + us / 1e6:.6f}:dmashare_{what}\n' for us, what in events]


class Frames(unittest.TestCase):
    """Each job has its own time."""

    def spans(self, lines, count, jobs):
        return [(round(s.device), round(s.renderer))
                for s in rendertrace.frames(lines, count, jobs)]

    def test_one_after_the_other(self):
        lines = trace((0, 'doorbell queue 0 tail 9'),
                      (10, 'complete queue 0 index 8 opcode 0x2 status 0x0'),
                      (100, 'doorbell queue 1 tail 1'),
                      (110, 'render_request serial 0x5 type 9'),
                      (150, 'render_answer serial 0x5 status 0'),
                      (160, 'complete queue 1 index 0 opcode 0x44 status 0x0'),
                      (500, 'doorbell queue 1 tail 2'),
                      (501, 'complete queue 1 index 1 opcode 0x46 status 0x0'))
        self.assertEqual(self.spans(lines, 1, 2), [(61, 40)])
        self.assertEqual(self.spans(lines, 2, 1), [(60, 40), (1, 0)])

    def test_both_at_once(self):
        lines = trace((0, 'doorbell queue 1 tail 2'),
                      (10, 'render_request serial 0x5 type 11'),
                      (20, 'render_request serial 0x6 type 11'),
                      (30, 'render_answer serial 0x5 status 0'),
                      (50, 'render_answer serial 0x6 status 0'),
                      (60, 'complete queue 1 index 0 opcode 0x46 status 0x0'),
                      (90, 'complete queue 1 index 1 opcode 0x46 status 0x0'))
        self.assertEqual(self.spans(lines, 2, 1), [(60, 40), (30, 0)])

    def test_only_the_last(self):
        lines = ['not of the trace\n'] + trace(
            (0, 'doorbell queue 1 tail 1'),
            (70, 'complete queue 1 index 0 opcode 0x44 status 0x0'),
            (80, 'doorbell queue 1 tail 2'),
            (99, 'complete queue 1 index 1 opcode 0x44 status 0x0'))
        self.assertEqual(self.spans(lines, 1, 1), [(19, 0)])


if __name__ == '__main__':
    tapunit.main()
