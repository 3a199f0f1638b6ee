#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The check of the demonstration's picture knows a right one from others."""
import os
import struct
import sys
import tempfile
import unittest
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)),
                                'scripts', 'lib'))
import picture  # noqa: E402  (needs the path above)
import tapunit  # noqa: E402

WIDTH, HEIGHT = 640, 24


def bars(shift, order=range(8)):
    """A row of them that many pixels to the right."""
    colours = [picture.BARS[i][1] for i in order]
    row = [tuple(picture.LEVEL * part for part in colours[x // 80])
           for x in range(WIDTH)]
    return row[-shift:] + row[:-shift] if shift else row


def png(rows, kind=0, step=3):
    """A PNG file of rows, each filtered so."""
    def chunk(name, body):
        return (struct.pack('>I', len(body)) + name + body
                + struct.pack('>I', zlib.crc32(name + body)))
    raw = b''
    above = bytes(WIDTH * step)
    for row in rows:
        now = b''.join(bytes(p) + b'\xff' * (step - 3) for p in row)
        out = bytearray()
        for i, value in enumerate(now):
            left = now[i - step] if i >= step else 0
            corner = above[i - step] if i >= step else 0
            p = left + above[i] - corner
            near = min((left, above[i], corner),
                       key=lambda v, p=p: abs(p - v))
            out.append((value - (0, left, above[i], (left + above[i]) // 2,
                                 near)[kind]) & 255)
        raw += bytes([kind]) + out
        above = now
    return (picture.SIGNATURE
            + chunk(b'IHDR', struct.pack('>IIBBBBB', WIDTH, len(rows), 8,
                                         2 if step == 3 else 6, 0, 0, 0))
            + chunk(b'IDAT', zlib.compress(raw)) + chunk(b'IEND', b''))


class Picture(unittest.TestCase):
    """Files."""

    def check(self, data):
        with tempfile.NamedTemporaryFile() as f:
            f.write(data)
            f.flush()
            picture.check_bars(*picture.read(f.name))

    def wrong(self, data, text):
        with self.assertRaisesRegex(picture.Wrong, text):
            self.check(data)

    def test_all_filters(self):
        for kind in range(5):
            for step in (3, 4):
                with self.subTest(kind=kind, step=step):
                    self.check(png([bars(20)] * HEIGHT, kind, step))

    def test_wherever_it_begins(self):
        for shift in (0, 1, 3, 79, 80, 320, 600, 637, 639):
            with self.subTest(shift=shift):
                self.check(png([bars(shift)] * HEIGHT))

    def test_text_above(self):
        rows = [bars(6)] * HEIGHT
        rows[2] = [(255, 255, 255)] * WIDTH
        self.check(png(rows))

    def test_edges_are_mixed(self):
        row = bars(10)
        for x in range(10, WIDTH, 80):
            row[x - 1] = row[x] = (90, 100, 110)
        self.check(png([row] * HEIGHT))

    def test_wrong_order(self):
        self.wrong(png([bars(0, (0, 2, 1, 3, 4, 5, 6, 7))] * HEIGHT),
                   'not yellow')

    def test_wrong_colour(self):
        row = [(r // 2, g, b) for r, g, b in bars(0)]
        self.wrong(png([row] * HEIGHT), 'white')

    def test_red_and_blue_exchanged(self):
        row = [(b, g, r) for r, g, b in bars(0)]
        self.wrong(png([row] * HEIGHT), 'not yellow')

    def test_zeros(self):
        self.wrong(png([[(0, 0, 0)] * WIDTH] * HEIGHT), 'no white bar')

    def test_a_row_of_another_frame(self):
        rows = [bars(6)] * HEIGHT
        rows[-3] = bars(12)
        self.wrong(png(rows), f'row {HEIGHT - 3} ')

    def test_other_files(self):
        self.wrong(b'P6 640 24 255\n', 'no PNG')
        data = bytearray(png([bars(0)] * HEIGHT))
        data[60] ^= 1
        self.wrong(bytes(data), 'damaged')


if __name__ == '__main__':
    tapunit.main()
