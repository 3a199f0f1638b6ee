# SPDX-License-Identifier: GPL-2.0-or-later
"""A picture of vivid's test pattern, as a PNG file: is it the right one?

vivid's default pattern is eight vertical bars of 75 % brightness, which the
demonstration has move sideways, with some lines of text above.  What is looked
at is the lower half: every row there must be the same, and be the eight colours
in their order, each as broad as the others, beginning anywhere.
"""
import struct
import zlib

SIGNATURE = b'\x89PNG\r\n\x1a\n'
LEVEL = 191     # 75 %
BARS = (('white', (1, 1, 1)), ('yellow', (1, 1, 0)), ('cyan', (0, 1, 1)),
        ('green', (0, 1, 0)), ('magenta', (1, 0, 1)), ('red', (1, 0, 0)),
        ('blue', (0, 0, 1)), ('black', (0, 0, 0)))
# By how much a conversion may round.
TOLERANCE = 8
# Pixels beside an edge, whose colour is that of neither side.
EDGE = 3


class Wrong(Exception):
    """It is no PNG, or not that picture."""


def _paeth(left, above, corner):
    guess = left + above - corner
    return min((abs(guess - left), 0, left), (abs(guess - above), 1, above),
               (abs(guess - corner), 2, corner))[2]


def _unfilter(kind, row, above, step):
    """One row of bytes as it was before PNG's filter."""
    for i, value in enumerate(row):
        left = row[i - step] if i >= step else 0
        corner = above[i - step] if i >= step else 0
        if kind == 1:
            value += left
        elif kind == 2:
            value += above[i]
        elif kind == 3:
            value += (left + above[i]) // 2
        elif kind == 4:
            value += _paeth(left, above[i], corner)
        elif kind:
            raise Wrong(f'a row has filter {kind}')
        row[i] = value & 255
    return row


def size(path):
    """(width, height), and nothing else looked at."""
    with open(path, 'rb') as f:
        head = f.read(24)
    if len(head) < 24 or not head.startswith(SIGNATURE + b'\0\0\0\rIHDR'):
        raise Wrong('it is no PNG file')
    return struct.unpack_from('>II', head, 16)


def read(path):
    """(width, rows): each row a list of (red, green, blue)."""
    with open(path, 'rb') as f:
        data = f.read()
    if not data.startswith(SIGNATURE):
        raise Wrong('it is no PNG file')
    at, packed, header = len(SIGNATURE), b'', None
    while at + 12 <= len(data):
        length, kind = struct.unpack_from('>I4s', data, at)
        body = data[at + 8:at + 8 + length]
        checksum = struct.unpack_from('>I', data, at + 8 + length)[0]
        if zlib.crc32(kind + body) != checksum:
            raise Wrong(f'chunk {kind!r} is damaged')
        if kind == b'IHDR':
            header = struct.unpack('>IIBBBBB', body)
        elif kind == b'IDAT':
            packed += body
        at += 12 + length
    if header is None or header[2] != 8 or header[3] not in (2, 6) \
            or header[6]:
        raise Wrong(f'it is not of 8-bit colours in one pass: {header}')
    width, height = header[:2]
    step = 3 if header[3] == 2 else 4
    raw = zlib.decompress(packed)
    if len(raw) != height * (1 + width * step):
        raise Wrong(f'{len(raw)} bytes are not {width} x {height} pixels')
    rows, above = [], bytearray(width * step)
    for y in range(height):
        begin = y * (1 + width * step)
        row = bytearray(raw[begin + 1:begin + 1 + width * step])
        above = _unfilter(raw[begin], row, above, step)
        rows.append([tuple(above[x:x + 3])
                     for x in range(0, width * step, step)])
    return width, rows


def colour_of(pixel):
    """Which bar's, or None."""
    for number, (_, parts) in enumerate(BARS):
        if all(abs(have - LEVEL * part) <= TOLERANCE
               for have, part in zip(pixel, parts)):
            return number
    return None


def check_bars(width, rows):
    """Raise Wrong unless the lower half is the eight bars."""
    if width % len(BARS):
        raise Wrong(f'{width} pixels are not eight bars')
    lower = rows[len(rows) // 2:]
    row = lower[0]
    for number, other in enumerate(lower):
        if other != row:
            raise Wrong(f'row {len(rows) // 2 + number} is not as those above '
                        'it')
    colours = [colour_of(pixel) for pixel in row]
    broad = width // len(BARS)
    # Where the first bar begins: a white pixel after a black one, but for the
    # edge.
    starts = [x for x in range(width) if colours[x] == 0
              and colours[x - 2 * EDGE] == len(BARS) - 1]
    if not starts:
        raise Wrong('there is no white bar beside a black one')
    start = starts[-1] if starts[-1] - starts[0] > broad else starts[0]
    for number, (name, _) in enumerate(BARS):
        for x in range(EDGE * 2, broad - EDGE * 2):
            at = (start + number * broad + x) % width
            if colours[at] != number:
                raise Wrong(f'pixel {at} is {row[at]}, not {name}')
