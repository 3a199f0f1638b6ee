#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The client of share servers that tests have must read messages as they are
defined, and hide nothing that a server does wrong."""
import errno
import os
import socket
import struct
import sys
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)),
                                'scripts', 'lib'))
import client  # noqa: E402  (needs the path above)
import tapunit  # noqa: E402

PAGE = 4096


def message(kind, serial, layout, *values):
    """128 bytes, written out by hand: type, length, serial, zero, body."""
    return (struct.pack('<IIII', kind, 128, serial, 0)
            + struct.pack(layout, *values)).ljust(128, b'\0')


def announce(share=7, generation=3, name=b'frame', path=3):
    """Two pages of YUYV."""
    return message(64, 0, '<IIQIIIIIIQ32s', share, generation, 2 * PAGE, 1,
                   path, 0x56595559, 64, 32, 128, 5, name)


class Server:
    """Plays back what it was told, one reaction for each request."""

    def __init__(self, folder, reactions, greeting=None):
        self.path = os.path.join(folder, 'socket')
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.requests = []
        self.reactions = reactions
        self.greeting = greeting or [announce(), message(69, 0, '<')]
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        """One connection."""
        connection, _ = self.listener.accept()
        with connection:
            hello = connection.recv(128, socket.MSG_WAITALL)
            self.requests.append(hello)
            serial = struct.unpack_from('<I', hello, 8)[0]
            connection.sendall(message(32, serial, '<IIQII32s', 0x504d4844,
                                       0x10000, 99, 256, 64, b'dmashare0'))
            for data in self.greeting:
                connection.sendall(data)
            for reaction in self.reactions:
                request = connection.recv(128, socket.MSG_WAITALL)
                self.requests.append(request)
                if len(request) < 128:
                    break
                reaction(connection, struct.unpack_from('<I', request, 8)[0])
            connection.recv(128)

    def end(self):
        """Both ends are closed."""
        self.thread.join(20)
        self.listener.close()


def memory():
    """A file of eight pages, each of its own number."""
    fd = os.memfd_create('test')
    for number in range(8):
        os.write(fd, bytes([number]) * PAGE)
    return fd


class Talks(unittest.TestCase):
    """Connections."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def connect(self, *reactions, greeting=None):
        server = Server(self.folder.name, reactions, greeting)
        self.addCleanup(server.end)
        connection = client.Client(server.path, 'me')
        self.addCleanup(connection.drop)
        return server, connection

    def test_hello_and_announcement(self):
        server, me = self.connect()
        self.assertEqual(server.requests[0], message(
            1, 1, '<II32s', 0x504d4844, 0x10000, b'me'))
        self.assertEqual((me.welcome.device, me.welcome.instance,
                          me.welcome.max_holds), ('dmashare0', 99, 64))
        share = me.find('frame')
        self.assertEqual((share.share, share.generation, share.size,
                          share.flags, share.path, share.width, share.height,
                          share.stride, share.sequence),
                         (7, 3, 2 * PAGE, 1, 3, 64, 32, 128, 5))

    def test_two_ranges_both_ways(self):
        file, table = memory(), os.memfd_create('table')
        os.write(table, struct.pack('<QQQQ', 5 * PAGE, PAGE, 2 * PAGE, PAGE))

        def opened(connection, serial):
            socket.send_fds(connection, [message(
                33, serial, '<IIQQIII', 7, 3, 2 * PAGE, 5 * PAGE, 2, 3, 1)],
                [file, table])
        server, me = self.connect(opened)
        buffer = me.open(7, write=True)
        self.assertEqual(server.requests[1],
                         message(2, 2, '<IIII', 7, 3, 1, 0))
        self.assertEqual(buffer.read(PAGE - 2, 4), b'\5\5\2\2')
        buffer.write(PAGE - 1, b'ab')
        self.assertEqual(os.pread(file, 1, 6 * PAGE - 1), b'a')
        self.assertEqual(os.pread(file, 1, 2 * PAGE), b'b')
        with self.assertRaises(OSError):
            buffer.read(2 * PAGE - 1, 2)
        self.assertFalse(buffer.enforced)

    def test_read_only(self):
        file = memory()

        def opened(connection, serial):
            socket.send_fds(connection, [message(
                33, serial, '<IIQQIII', 7, 3, 2 * PAGE, PAGE, 1, 2, 2)],
                [file])
        _, me = self.connect(opened)
        buffer = me.open(7)
        self.assertTrue(buffer.enforced)
        self.assertEqual((buffer.path, buffer.read(0, 1)), ('local', b'\1'))
        with self.assertRaises(OSError) as caught:
            buffer.write(0, b'x')
        self.assertEqual(caught.exception.errno, errno.EACCES)

    def test_refusals(self):
        _, me = self.connect(lambda connection, serial: connection.sendall(
            message(36, serial, '<I104s', errno.EACCES, b'reading alone')))
        with self.assertRaisesRegex(OSError, 'reading alone') as caught:
            me.open(7, write=True)
        self.assertEqual(caught.exception.errno, errno.EACCES)
        with self.assertRaises(OSError) as caught:
            me.open(8)
        self.assertEqual(caught.exception.errno, errno.ENOENT)

    def test_notices_are_kept_for_who_asks(self):
        def acquired(connection, serial):
            connection.sendall(message(66, 0, '<IIQIIQ', 7, 3, 6, 0, 0, 0))
            connection.sendall(message(35, serial, '<II', 7, 21))
            connection.sendall(message(67, 0, '<IIIIQ', 7, 21, 0, 0, 6))
            connection.sendall(message(65, 0, '<IIII', 7, 3, 0, 0))
        server, me = self.connect(acquired)
        hold = me.acquire(7, 1000, write=True)
        self.assertEqual((hold, server.requests[1]), (
            21, message(5, 2, '<IIQ', 7, 1, 1000)))
        self.assertEqual(me.wait('granted', 7, hold).sequence, 6)
        self.assertEqual(me.wait('withdraw', 7).reason, 0)
        self.assertEqual(me.wait('content').sequence, 6)
        self.assertEqual(me.shares, {})
        with self.assertRaises(OSError) as caught:
            me.wait('ended', seconds=0)
        self.assertEqual(caught.exception.errno, errno.ETIMEDOUT)

    def test_a_server_that_errs(self):
        for data in (message(77, 2, '<'), message(34, 3, '<'),
                     message(34, 2, '<I', 1),
                     struct.pack('<IIII', 34, 64, 2, 0).ljust(128, b'\0')):
            with self.subTest(data[:16].hex()):
                with tempfile.TemporaryDirectory() as folder:
                    server = Server(folder, [
                        lambda connection, _, d=data: connection.sendall(d)])
                    me = client.Client(server.path)
                    with self.assertRaises(client.Protocol):
                        me.subscribe(7)
                    me.drop()
                    server.end()

    def test_crc(self):
        self.assertEqual(client.crc32c(b'123456789'), 0xe3069283)


if __name__ == '__main__':
    tapunit.main()
