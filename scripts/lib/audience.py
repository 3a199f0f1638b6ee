# SPDX-License-Identifier: GPL-2.0-or-later
"""Who looks on while the demonstration runs: programs of the host, and a
second VM.

The guest program `demo share` says by lines that begin with "@" what it has
just done and waits for a line where it must not go on (share_*() of
tests/guest/demo.c); an Audience does its part at each, and has a report of
what it saw.
"""
import os
import re
import select
import subprocess
import time

import client as share_client
import common
import hardware
import native
import picture
import vm

TOOL = os.path.join(common.BUILD, 'lib', 'tool', 'dmashare')
CONSUMER = 'consumer'
BUFFERS = 3
FRAME = 'frame-'
SHOWN = 15
# Where guest and host write by turns, and how much: as demo.c has it.
HOST_AT = 0x2000
MARK = 64
SOON = 180
# What draws in the guest, and has the host compare; what it says of that.
RENDERER = 'test-render-frame'
RENDERED = re.compile(rb'^# (\d+) bytes are those that the library draws, '
                      rb'of (\d+) colours$', re.M)


class Wrong(Exception):
    """The demonstration cannot go on."""


def how_to_share():
    """How the pages get to the host: properties of the device."""
    if os.access('/dev/udmabuf', os.R_OK | os.W_OK):
        return ''
    return ',share-guest-memory=on'


class Audience:
    """The host's side, and the second VM."""

    def __init__(self, folder, settings, booted):
        self.folder = folder
        self.socket = vm.FOLDERS.short(os.path.join(folder, 'share.sock'))
        self.peer = vm.Machine(
            hardware.Settings(iommu=settings.iommu, accel=settings.accel,
                              device_args=f'peer=unix:{self.socket}'),
            *booted, os.path.join(folder, 'peer'))
        self.picture = os.path.join(folder, 'frame.png')
        self.rendered = os.path.join(folder, 'render.png')
        self.consumer = None
        self.ready = 0          # how often the peer had all buffers open
        self.opened = 0         # how often there were new ones
        self.published = {}     # frame: (checksum of it, of the whole buffer)
        self.received = {}      # the same, as the peer has them
        self.lost = 0           # how often the peer's buffers were taken back
        self.client = None
        self.share = None
        self.report = {}

    def properties(self):
        """What the demonstrating device needs."""
        return ('share=unix:{share},share-writable=on' + how_to_share()
                + ('' if native.missing() else ',render=on'))

    def start(self):
        """Boot the second VM, beside the first."""
        for old in (self.picture, self.rendered):
            if os.path.exists(old):
                os.unlink(old)
        self.peer.start()

    def stop(self):
        """End it."""
        if self.client:
            self.client.drop()
        self.peer.stop()

    # -- the second VM

    def join(self):
        """It waits for buffers from now on."""
        self.peer.wait_ready()
        self.consumer = self.peer.talk(
            [CONSUMER, 'frames=0', f'buffers={BUFFERS}', 'slow=0'], 600)

    def take(self):
        """What it has said."""
        for line in self.consumer.lines():
            word, _, rest = line.partition(' ')
            if word == 'ready':
                self.ready += 1
            elif word == 'frame':
                number, *crcs = rest.split()
                self.received[int(number) - 1] = crcs
            elif word == 'lost':
                self.lost += 1
        result = self.consumer.result
        if result and (result.status or result.trouble()):
            raise Wrong(f'the second VM: {CONSUMER} '
                        + (result.trouble() or f'ended: '
                           f'{result.err.decode(errors="replace").strip()}'))

    def wait(self, done, what):
        """Listen to it until that is so."""
        deadline = time.monotonic() + SOON
        while True:
            self.take()
            if done():
                return
            if time.monotonic() > deadline:
                raise Wrong(
                    f'the second VM: waited {SOON} s for {what}; it has '
                    f'received {len(self.received)} of '
                    f'{len(self.published)} frames, has had all buffers open '
                    f'{self.ready} times and lost them {self.lost} times')
            self.peer.listen(1)

    # -- what the guest says

    def line(self, line):
        """One that began with "@"; whether the guest waits for an answer."""
        word, *rest = line.split()
        return getattr(self, f'on_{word[1:]}')(*rest)

    def on_buffers(self):
        """New ones are shared: the second VM must have them open."""
        self.opened += 1
        self.wait(lambda: self.ready >= self.opened, 'it to open the buffers')
        return True

    def on_frame(self, number, crc, whole):
        """One was published."""
        self.published[int(number)] = (crc, whole)

    def tool(self, *words):
        """The command `dmashare`; its output."""
        done = subprocess.run(
            [TOOL, '--socket', self.socket, *words], timeout=SOON,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            stdin=subprocess.DEVNULL, pass_fds=vm.FOLDERS.fds, check=False)
        if done.returncode:
            raise Wrong(f'dmashare {" ".join(words)} ended with status '
                        f'{done.returncode}: {done.stdout.strip()}')
        return done.stdout

    def on_show(self, name):
        """The guest holds a frame: dump it, and look at its pages."""
        common.say('demo: programs of the host, while the guest holds frame '
                   f'{SHOWN}:')
        for line in self.tool('list').splitlines():
            common.say(f'  {line}')
        self.tool('dump', '--png', '--output', self.picture, name)
        crc = self.tool('crc', name).split()[0]
        self.report['crc_guest'] = self.published[SHOWN][1]
        self.report['crc_host'] = crc
        self.report['picture'] = self.judge_picture()
        common.say(f'demo: the guest has {self.published[SHOWN][1]}, the host '
                   f'{crc} in the same pages; {self.picture}: '
                   + self.report['picture']['bars'])
        self.client = share_client.Client(self.socket, 'demo')
        self.share = self.client.find(name).share
        buffer = self.client.open(self.share, write=True)
        self.report['path'] = buffer.path
        self.before = buffer.read(0, buffer.size)
        self.client.notices.clear()
        return True

    def judge_picture(self):
        """Whether it is vivid's."""
        found = {'file': os.path.relpath(self.picture, common.TOP),
                 'frame': SHOWN}
        try:
            width, pixels = picture.read(self.picture)
            found.update(width=width, height=len(pixels))
            picture.check_bars(width, pixels)
            found['bars'] = 'right'
        except (OSError, picture.Wrong) as error:
            found['bars'] = str(error)
        return found

    def silent(self):
        """How many messages have come."""
        while select.select([self.client.socket], [], [], 0)[0]:
            self.client._receive()
        return len(self.client.notices)

    def on_wrote(self, offset, crc):
        """The guest wrote there and told nobody but us: the mapping that we
        have had before must show it.  Then we do."""
        buffer = self.client.buffers[self.share]
        offset = int(offset)
        now = buffer.read(offset, MARK)
        self.report['guest_wrote'] = {
            'crc_guest': crc, 'crc_host': f'{share_client.crc32c(now):08x}',
            'changed': now != self.before[offset:offset + MARK],
            'messages': self.silent()}
        self.ours = os.urandom(MARK)
        buffer.write(HOST_AT, self.ours)
        common.say('demo: what the guest wrote since is there, and '
                   f'{self.report["guest_wrote"]["messages"]} messages came')
        return True

    # -- what came of it

    def render(self, machine):
        """Have the guest draw, and a program of the host draw the same."""
        why = native.missing()
        if why:
            common.say(f'demo: nothing is rendered: {why}')
            return {'skipped': why}
        result = machine.run([RENDERER], SOON)
        found = {'file': os.path.relpath(self.rendered, common.TOP)}
        said = RENDERED.search(result.out)
        if result.status or result.trouble() or not said:
            found['wrong'] = result.trouble() or result.out.decode(
                errors='replace')[-1000:]
            return found
        found['bytes'], found['colours'] = map(int, said.groups())
        try:
            found['width'], found['height'] = picture.size(self.rendered)
        except (OSError, picture.Wrong) as error:
            found['wrong'] = str(error)
        common.say(f'demo: {found["bytes"]} bytes that the guest\'s device '
                   'rendered are those that the host renders by itself; '
                   f'{self.rendered}')
        return found

    def end(self, guest):
        """All that was seen, with the guest's own part."""
        self.wait(lambda: len(self.received) >= len(self.published),
                  f'{len(self.published)} frames')
        self.consumer.say('end\n')
        self.wait(lambda: self.consumer.result, 'the end')
        mismatches = [number for number, (_, crc) in self.published.items()
                      if self.received.get(number) != [crc] * 3]
        guest.update(self.report)
        guest['host_wrote'] = {
            'crc_host': f'{share_client.crc32c(self.ours):08x}',
            'crc_device': guest.pop('host_wrote_crc'),
            'seen': guest['host_wrote'] == self.ours.hex()}
        guest['peer'] = {'frames': len(self.received),
                         'crc_mismatches': len(mismatches)}
        guest['frames'] = [
            {'number': number, 'crc': crc, 'peer': self.received.get(number)}
            for number, (_, crc) in sorted(self.published.items())]
        return guest
