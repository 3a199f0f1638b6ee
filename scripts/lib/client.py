# SPDX-License-Identifier: GPL-2.0-or-later
"""A client of a share server (include/dmashare/share.h), for tests.

    with Client(path, 'me') as client:
        share = client.find('frame')
        buffer = client.open(share.id)
        buffer.read(0, 4096)

It is written against the protocol alone and knows nothing of libdmashare, so
that a mistake in one of them shows.  Errors of the server are OSErrors.
"""
import array
import collections
import dataclasses
import errno
import mmap
import os
import socket
import struct
import time

MAGIC = 0x504d4844
SIZE = 128
VERSION = 1 << 16
SECONDS = 20        # for what should happen soon

# name: (number, format of the body, its members)
REQUESTS = {
    'hello': (1, '<II32s'),
    'open': (2, '<IIII'),
    'close': (3, '<II'),
    'subscribe': (4, '<II'),
    'acquire': (5, '<IIQ'),
    'release': (6, '<II'),
}
ANSWERS = {
    32: ('welcome', '<IIQII32s', 'magic version instance max_open max_holds '
         'device'),
    33: ('opened', '<IIQQIII', 'share generation size offset n_ranges path '
         'flags'),
    34: ('done', '<', ''),
    35: ('acquired', '<II', 'share hold'),
    36: ('error', '<I104s', 'error text'),
    64: ('announce', '<IIQIIIIIIQ32s', 'share generation size flags path '
         'fourcc width height stride sequence name'),
    65: ('withdraw', '<IIII', 'share generation reason flags'),
    66: ('content', '<IIQIIQ', 'share generation sequence hold reserved '
         'deadline'),
    67: ('granted', '<IIIIQ', 'share hold error reserved sequence'),
    68: ('ended', '<IIII', 'share hold error reserved'),
    69: ('ready', '<', ''),
}
PATHS = ('none', 'udmabuf', 'local', 'guest')
OPEN_WRITE = OPENED_WRITE = SHARE_WRITE = 1
OPENED_ENFORCED = 2
ACQUIRE_WRITE, ACQUIRE_WAIT = 1, 2


@dataclasses.dataclass
class Message:
    """What the server said: its kind and the members by name."""
    kind: str
    serial: int
    members: dict
    fds: list

    def __getattr__(self, name):
        try:
            return self.members[name]
        except KeyError:
            raise AttributeError(name) from None


def text(data):
    """The bytes before the first zero."""
    return data.split(b'\0')[0].decode(errors='replace')


class Protocol(Exception):
    """The server broke the protocol."""


class Buffer:
    """An open buffer, mapped until it is closed: also when it was withdrawn,
    for to see what is left in it is a test's business."""

    def __init__(self, opened, fds):
        self.size = opened.size
        self.path = PATHS[opened.path]
        self.writable = bool(opened.flags & OPENED_WRITE)
        self.enforced = bool(opened.flags & OPENED_ENFORCED)
        self.generation = opened.generation
        self.fd = fds[0]
        self.maps = []          # (offset in the buffer, mmap)
        ranges = [(opened.offset, opened.size)]
        if opened.n_ranges > 1:
            table = os.pread(fds[1], opened.n_ranges * 16, 0)
            ranges = list(struct.iter_unpack('<QQ', table))
        for fd in fds[1:]:
            os.close(fd)
        if (len(ranges) != opened.n_ranges
                or sum(length for _, length in ranges) != opened.size):
            raise Protocol(f'{opened.n_ranges} ranges do not make '
                           f'{opened.size} bytes')
        self.ranges = ranges
        prot = mmap.PROT_READ | (mmap.PROT_WRITE if self.writable else 0)
        at = 0
        for offset, length in ranges:
            self.maps.append((at, mmap.mmap(self.fd, length, mmap.MAP_SHARED,
                                            prot, offset=offset)))
            at += length

    def _pieces(self, offset, length):
        if offset < 0 or length < 0 or offset + length > self.size:
            raise OSError(errno.ERANGE, 'outside of the buffer')
        for at, piece in self.maps:
            first = max(offset, at)
            last = min(offset + length, at + len(piece))
            if first < last:
                yield piece, first - at, last - at

    def read(self, offset, length):
        """Bytes of it."""
        return b''.join(piece[first:last] for piece, first, last
                        in self._pieces(offset, length))

    def write(self, offset, data):
        """Put bytes there."""
        if not self.writable:
            raise OSError(errno.EACCES, 'mapped for reading alone')
        done = 0
        for piece, first, last in self._pieces(offset, len(data)):
            piece[first:last] = data[done:done + last - first]
            done += last - first

    def close(self):
        """Unmap it."""
        for _, piece in self.maps:
            piece.close()
        self.maps = []
        os.close(self.fd)


class Client:
    """A connection."""

    def __init__(self, path, name='test', timeout=SECONDS):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.serial = 0
        self.received = b''
        self.fds = []           # that came with `received`
        self.shares = {}        # id: the last announcement
        self.buffers = {}       # id: Buffer
        self.notices = collections.deque()
        try:
            self.socket.connect(path)
            self.welcome = self._ask('hello', MAGIC, VERSION, name.encode())
            self.wait('ready')
        except BaseException:
            self.drop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.drop()

    def drop(self):
        """End the connection, without a word."""
        for buffer in self.buffers.values():
            buffer.close()
        self.buffers = {}
        for fd in self.fds:
            os.close(fd)
        self.fds = []
        self.socket.close()

    # -- messages

    def _receive(self, seconds=SECONDS):
        """The next message, or None when none comes in that time."""
        end = time.monotonic() + seconds
        while len(self.received) < SIZE:
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.socket.settimeout(left)
            try:
                data, control, _, _ = self.socket.recvmsg(
                    SIZE - len(self.received), socket.CMSG_SPACE(8))
            except TimeoutError:
                return None
            if not data:
                raise OSError(errno.ECONNRESET, 'the server is gone')
            self.received += data
            for level, kind, words in control:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds = array.array('i')
                    fds.frombytes(words[:len(words) // 4 * 4])
                    self.fds += fds
        data, self.received = self.received, b''
        fds, self.fds = self.fds, []
        number, length, serial, zero = struct.unpack_from('<IIII', data)
        if length != SIZE or zero or number not in ANSWERS:
            raise Protocol(f'message {number} of {length} bytes')
        kind, layout, names = ANSWERS[number]
        values = struct.unpack_from(layout, data, 16)
        if any(data[16 + struct.calcsize(layout):]):
            raise Protocol(f'{kind}: what must be zero is not')
        members = dict(zip(names.split(), values))
        for name in ('device', 'name', 'text'):
            if name in members:
                members[name] = text(members[name])
        message = Message(kind, serial, members, fds)
        if not serial:
            self._note(message)
        return message

    def _note(self, message):
        if message.kind == 'error':
            raise OSError(message.error, message.text)
        if message.kind == 'announce':
            self.shares[message.share] = message
        if message.kind == 'withdraw' and message.reason != 1:
            self.shares.pop(message.share, None)
        elif message.kind == 'withdraw' and message.share in self.shares:
            # Until it is announced again.
            self.shares[message.share].members['path'] = 0
        self.notices.append(message)

    def _ask(self, kind, *values):
        """One request; its answer."""
        self.serial += 1
        number, layout = REQUESTS[kind]
        data = struct.pack('<IIII', number, SIZE, self.serial, 0)
        data += struct.pack(layout, *values)
        self.socket.settimeout(SECONDS)
        self.socket.sendall(data.ljust(SIZE, b'\0'))
        while True:
            message = self._receive()
            if message is None:
                raise OSError(errno.ETIMEDOUT, f'no answer to {kind}')
            if message.serial == self.serial:
                break
            if message.serial:
                raise Protocol(f'an answer to {message.serial}, which is none')
        if message.kind == 'error':
            raise OSError(message.error, message.text)
        return message

    def wait(self, kind, share=None, hold=None, seconds=SECONDS):
        """The first notice of that kind, of that share and that hold."""
        end = time.monotonic() + seconds
        while True:
            for number, message in enumerate(self.notices):
                if (message.kind == kind
                        and share in (None, message.members.get('share'))
                        and hold in (None, message.members.get('hold'))):
                    del self.notices[number]
                    return message
            left = end - time.monotonic()
            if left <= 0 or self._receive(left) is None:
                raise OSError(errno.ETIMEDOUT, f'no {kind} came')

    # -- requests

    def find(self, name, seconds=SECONDS):
        """The share of that name, when it has pages."""
        end = time.monotonic() + seconds
        while True:
            for share in self.shares.values():
                if share.name == name and share.path:
                    return share
            left = end - time.monotonic()
            if left <= 0 or self._receive(left) is None:
                raise OSError(errno.ETIMEDOUT, f'no share is called {name}')

    def open(self, share, write=False, generation=None):
        """Open it and map it."""
        if generation is None:
            if share not in self.shares:
                raise OSError(errno.ENOENT, f'no share {share}')
            generation = self.shares[share].generation
        opened = self._ask('open', share, generation,
                           OPEN_WRITE if write else 0, 0)
        if len(opened.fds) != (2 if opened.n_ranges > 1 else 1):
            raise Protocol(f'{len(opened.fds)} descriptors for '
                           f'{opened.n_ranges} ranges')
        if share in self.buffers:
            # Of a generation that was withdrawn.
            self.buffers.pop(share).close()
        self.buffers[share] = Buffer(opened, opened.fds)
        return self.buffers[share]

    def close(self, share):
        """Close it, and unmap it."""
        self._ask('close', share, 0)
        self.buffers.pop(share).close()

    def subscribe(self, share, on=True):
        """Contents come with a hold, or no more."""
        self._ask('subscribe', share, int(on))

    def acquire(self, share, deadline, write=False, wait=False):
        """Ask to hold it; the hold's id."""
        flags = ACQUIRE_WRITE * write | ACQUIRE_WAIT * wait
        return self._ask('acquire', share, flags, deadline).hold

    def release(self, hold, error=0):
        """Let go of it."""
        self._ask('release', hold, error)


def _table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
        table.append(value)
    return table


CRC_TABLE = _table()


def crc32c(data):
    """As the device's CHECKSUM; slow, for buffers of tests."""
    crc = 0xffffffff
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xffffffff
