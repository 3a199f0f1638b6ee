# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest: how QEMU is started, how a program is run in it, how it ends.

    settings = hardware.Settings(iommu='virtio')
    with Machine(settings, kernel, initramfs, folder) as vm:
        vm.wait_ready()
        result = vm.run(['dmashare-demo'], timeout=60)

Programs run through the guest agent (tests/guest/init/agent.c, which has the
protocol) over a channel of its own; the console goes to a file in `folder`.
`vm.qmp(command)` speaks to QEMU while the guest runs, and so may a program in
the guest: a port of its own leads to a monitor (tests/guest/lib/host.h).
"""
import collections
import dataclasses
import json
import os
import select
import shlex
import socket
import subprocess
import time

import common
import console as console_reader
import hardware
import hostile

CHANNEL_NAME = 'org.dmashare.results'
QMP_NAME = 'org.dmashare.qmp'
CLIENT_NAME = 'org.dmashare.client'
SHARE_CLIENT = os.path.join(common.TOP, 'scripts', 'share-client')
BOOT_TIMEOUT = 180      # seconds; under TCG on a busy machine it may take 60
PROBE_TIMEOUT = 20
QMP_SECONDS = 30        # an answer takes microseconds; this is for a busy host
# What the guest may be late with its answer to a timeout before it counts as
# hung: the agent needs 5 s for a process that does not die.
HANG_GRACE = 20


class VmError(Exception):
    """Something that ends the run; `detail` is what helps to see why."""

    def __init__(self, message, detail=''):
        super().__init__(message)
        self.detail = detail


class QmpError(VmError):
    """A QMP command that QEMU refused; `desc` is why."""

    def __init__(self, command, desc):
        super().__init__(f'QMP {command}: {desc}')
        self.desc = desc


class Folders:
    """Short names for sockets in folders that are far down.

    The address of a socket has room for 107 bytes.  What is longer is reached
    by way of an open folder, which QEMU and other programs inherit.
    """
    LONGEST = 107

    def __init__(self):
        self.fds = []           # to be inherited under the same numbers

    def short(self, path):
        """That path, or another one to the same place."""
        if len(os.fsencode(path)) <= self.LONGEST:
            return path
        folder, name = os.path.split(path)
        fd = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        os.set_inheritable(fd, True)
        self.fds.append(fd)
        return f'/proc/self/fd/{fd}/{name}'


FOLDERS = Folders()


def kvm_usable(kernel, initramfs, folder):
    """Does KVM run our guest?  /dev/kvm may open and still not be able to, so
    the guest itself is booted once and the answer kept."""
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        return False
    # It depends on the host's kernel and the guest's, not on our QEMU.
    host = os.uname()
    info = os.stat(kernel.image)
    key = (f'{host.nodename} {host.release} {host.version}; {kernel.release} '
           f'{info.st_size}')
    remembered = os.path.join(common.CACHE, 'kvm-probe.json')
    answers = {}
    try:
        with open(remembered, encoding='utf-8') as f:
            answers = dict(json.load(f)['answers'])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    if key in answers:
        return answers[key]
    common.say(f'trying KVM (once, at most {PROBE_TIMEOUT} s)')
    settings = hardware.Settings(accel='kvm', devices=0, iommu='none')
    usable = True
    try:
        with Machine(settings, kernel, initramfs,
                     os.path.join(folder, 'kvm-probe')) as vm:
            vm.wait_ready(PROBE_TIMEOUT)
    except VmError:
        usable = False
    common.say('KVM works' if usable else 'KVM does not run the guest: using '
               'TCG from now on')
    try:
        os.makedirs(common.CACHE, exist_ok=True)
        temporary = f'{remembered}.{os.getpid()}'
        with open(temporary, 'w', encoding='utf-8') as f:
            json.dump({'answers': {**answers, key: usable}}, f, indent=1)
        os.replace(temporary, remembered)
    except OSError:
        pass        # it will be tried again
    return usable


def choose_accel(settings, kernel, initramfs, folder):
    """Turn ACCEL=auto into tcg or kvm."""
    if settings.accel == 'kvm':
        try:
            os.close(os.open('/dev/kvm', os.O_RDWR))
        except OSError as error:
            common.die(f'ACCEL=kvm: /dev/kvm: {error.strerror}: use ACCEL=tcg, '
                       'or get access to it (group kvm)')
        return
    if settings.accel == 'auto':
        settings.accel = ('kvm' if kvm_usable(kernel, initramfs, folder)
                          else 'tcg')


@dataclasses.dataclass
class Result:
    """How a program ended."""
    status: int = 0             # exit status; 128 + n when signal n ended it
    signal: int = 0
    timed_out: bool = False
    stuck: bool = False         # killed, and still there
    seconds: float = 0.0        # by the guest's clock
    taint: int = 0
    out: bytes = b''
    err: bytes = b''

    def trouble(self):
        """What a test runner must report even when all results are good."""
        if self.timed_out:
            return ('did not end in time'
                    + (' and could not be killed' if self.stuck else ''))
        if self.signal:
            return f'died of signal {self.signal}'
        return ''


def ended(pairs):
    """The Result that the agent told of."""
    result = Result(signal=int(pairs.get('signal', 0)))
    result.status = int(pairs.get('status', 128 + result.signal))
    result.timed_out = pairs.get('timeout') == '1'
    result.stuck = 'stuck' in pairs
    result.seconds = int(pairs['ms']) / 1000
    result.taint = int(pairs['taint'])
    return result


class Talk:
    """A program in the guest that reads what it is to do (Machine.talk).
    What it says comes in while the machine listens."""

    def __init__(self, machine, ident, name):
        self.machine = machine
        self.ident = ident
        self.name = name
        self.out, self.err = b'', b''
        self.result = None          # once it has ended

    def take(self, kind, data):
        """A frame of it."""
        if kind == 'out':
            self.out += data
        elif kind == 'err':
            self.err += data
        elif kind == 'exit':
            self.result = ended(parse_pairs(data))
            self.result.out, self.result.err = self.out, self.err
            del self.machine.talks[self.ident]
        elif kind == 'refused':
            raise VmError(f'the guest cannot talk to {self.name}: '
                          + data.decode(errors='replace'))

    def lines(self):
        """The whole lines of its output since the last call."""
        *lines, self.out = self.out.split(b'\n')
        return [line.decode(errors='replace') for line in lines]

    def say(self, text):
        """Give it something to read."""
        data = text.encode()
        self.machine._send(f'input {self.ident} {len(data)}\n'.encode() + data)

    def kill(self):
        """End it; its result comes while the machine listens."""
        self.machine._send(f'kill {self.ident}\n'.encode())


class Machine:
    """One running VM."""

    def __init__(self, settings, kernel, initramfs, folder, mode='agent'):
        self.settings = settings
        self.kernel = kernel
        self.initramfs = initramfs
        self.folder = folder
        self.mode = mode
        self.console = os.path.join(folder, 'console.log')
        # The socket of a device with share=unix:{share}; once it was started.
        self.share = ''
        self.process = None
        self.clients = None         # a process
        self.hostile = None         # hostile.Clients
        self.channel = None
        self.monitor = None
        self.received = b''         # ... from the channel
        self.answers = b''          # ... from the monitor
        self.welcomed = self.greeted = False
        self.talks = {}             # programs that are talked to, by id
        self.next_id = 0
        self.grace = HANG_GRACE
        self.hello = {}
        self.events = collections.deque(maxlen=1000)
        self.virtio = (kernel.has('virtio_console')
                       and kernel.has('virtio_pci'))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    # -- the command line

    def command(self, channel_fd, monitor_fd, guest_fds, client_fd=None):
        """The words that start QEMU.  `guest_fds` are the two ends of what
        connects the guest's own port with a monitor of its own, `client_fd`
        leads to the clients that a guest program steers."""
        words = [hardware.find_qemu(),
                 *hardware.machine_words(self.settings, self.share)]
        if self.mode == 'agent':
            words += ['-chardev', f'file,id=console,path={self.console}']
        else:
            words += ['-chardev', 'stdio,id=console,mux=on,signal=off,'
                      f'logfile={self.console}']
        words += ['-serial', 'chardev:console']
        if self.virtio:
            words += ['-device', 'virtio-serial-pci,addr=0x4',
                      '-chardev', f'socket,id=guest-port,fd={guest_fds[0]}',
                      '-chardev', f'socket,id=guest-qmp,fd={guest_fds[1]}',
                      '-mon', 'chardev=guest-qmp,mode=control',
                      '-device', 'virtserialport,chardev=guest-port,'
                      f'name={QMP_NAME}']
        if client_fd is not None:
            words += ['-chardev', f'socket,id=clients,fd={client_fd}',
                      '-device', 'virtserialport,chardev=clients,'
                      f'name={CLIENT_NAME}']
        if self.mode == 'agent':
            words += ['-chardev', f'socket,id=results,fd={channel_fd}']
            if self.virtio:
                words += ['-device', 'virtserialport,chardev=results,'
                          f'name={CHANNEL_NAME}']
            else:
                words += ['-serial', 'chardev:results']
            words += ['-chardev', f'socket,id=monitor,fd={monitor_fd}',
                      '-mon', 'chardev=monitor,mode=control']
        else:
            words += ['-mon', 'chardev=console,mode=readline']
        words += ['-kernel', self.kernel.image, '-initrd', self.initramfs,
                  '-append', self.kernel_words()]
        return words + shlex.split(self.settings.qemu_args)

    def kernel_words(self):
        """The kernel's command line."""
        return hardware.kernel_words(self.settings, self.kernel, self.mode,
                                     'virtio' if self.virtio else 'ttyS1')

    # -- life

    def start(self):
        """Start QEMU."""
        try:
            os.makedirs(self.folder, exist_ok=True)
            with open(self.console, 'wb'):
                pass
            log = open(os.path.join(self.folder, 'qemu.log'), 'wb')
        except OSError as error:
            common.die(f'cannot write in {self.folder}: {error.strerror}: free '
                       'some space or correct the permissions')
        self.share = FOLDERS.short(os.path.join(self.folder, 'share.sock'))
        # QEMU's ends of the sockets, by what they are for.
        ours, theirs = socket.socketpair()
        mon_ours, mon_theirs = socket.socketpair()
        given = [theirs, mon_theirs, *socket.socketpair()]
        client_ours = None
        if self.virtio and '{share}' in (self.settings.device_args
                                         + self.settings.device2_args):
            client_ours, client_theirs = socket.socketpair()
            given.append(client_theirs)
        fds = [end.fileno() for end in given]
        words = self.command(fds[0], fds[1], fds[2:4], *fds[4:])
        fds += FOLDERS.fds
        with log:
            log.write((shlex.join(words) + '\n').encode())
            log.flush()
            if self.mode != 'agent':
                self.process = subprocess.Popen(words, pass_fds=fds)
            else:
                self.process = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    pass_fds=fds)
        for end in given:
            end.close()
        if client_ours:
            self._start_clients(client_ours)
        if self.mode != 'agent':
            ours.close()
            mon_ours.close()
            return
        self.channel = ours
        self.monitor = mon_ours

    def _start_clients(self, control):
        """What the guest's port for clients leads to; it ends with QEMU."""
        words = [SHARE_CLIENT, '--control', str(control.fileno()),
                 '--folder', self.folder, self.share]
        with control, open(os.path.join(self.folder, 'clients.log'),
                           'wb') as log:
            self.clients = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=[control.fileno(), *FOLDERS.fds])

    def wait_ready(self, timeout=BOOT_TIMEOUT):
        """Until the agent says hello."""
        deadline = time.monotonic() + timeout
        kind, _, data = self._frame(deadline, 'did not boot')
        if kind != 'hello':
            raise VmError(f'the guest said "{kind}" instead of hello')
        self.hello = parse_pairs(data)
        if int(self.settings.hostile):
            self.hostile = hostile.Clients(
                self.share, self.settings.hostile, self.folder, FOLDERS.fds)

    def stop(self):
        """End the VM, gracefully when it still listens."""
        if self.process is None:
            return
        if self.hostile:
            # Before what they talk to goes away, which they would resent.
            self.hostile.stop()
        if self.process.poll() is None and self.hello and self.channel:
            try:
                self.channel.sendall(b'poweroff\n')
                self.process.wait(15)
            except (OSError, subprocess.TimeoutExpired):
                pass
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.clients:
            self.clients.terminate()
            self.clients.wait()
            self.clients = None
        for end in (self.channel, self.monitor):
            if end:
                end.close()
        self.channel = self.monitor = None

    # -- programs

    def run(self, argv, timeout, output=None):
        """Run a program to its end.  `output(kind, data)` is called with each
        piece of "out" and "err" as it comes."""
        self.next_id += 1
        ident = self.next_id
        payload = b''.join(os.fsencode(word) + b'\0' for word in argv)
        self._send(f'run {ident} {int(timeout * 1000)} {len(payload)}\n'
                   .encode() + payload)
        # The guest's clock may be slower than ours; what counts is that the
        # agent answers at all.
        deadline = time.monotonic() + timeout * 2 + self.grace
        if not timeout:
            deadline = None
        out, err = [], []
        while True:
            kind, who, data = self._frame(deadline,
                                          f'hung while {argv[0]} ran')
            if who != ident:
                self._deliver(kind, who, data)
                continue
            if kind in ('out', 'err'):
                (out if kind == 'out' else err).append(data)
                if output:
                    output(kind, data)
            elif kind == 'exit':
                pairs = parse_pairs(data)
                break
            elif kind == 'refused':
                raise VmError(f'the guest cannot run {argv[0]}: '
                              + data.decode(errors='replace'))
        result = ended(pairs)
        result.out, result.err = b''.join(out), b''.join(err)
        return result

    def talk(self, argv, timeout):
        """Start a program that reads what it is to do: a Talk."""
        self.next_id += 1
        talk = Talk(self, self.next_id, argv[0])
        payload = b''.join(os.fsencode(word) + b'\0' for word in argv)
        self._send(f'talk {talk.ident} {int(timeout * 1000)} {len(payload)}\n'
                   .encode() + payload)
        self.talks[talk.ident] = talk
        return talk

    def _deliver(self, kind, who, data):
        if who in self.talks:
            self.talks[who].take(kind, data)

    def listen(self, seconds):
        """Take in what the programs that are talked to and QEMU's monitor have
        to say; at most so long, when they say nothing."""
        ready = select.select([self.channel, self.monitor], [], [], seconds)[0]
        if self.monitor in ready:
            self._qmp_fill()
        while (answer := self._qmp_parse()) is not None:
            self._qmp_event(answer)
        if self.channel in ready:
            self._fill(time.monotonic() + 1, '')
        while (frame := self._parse_frame()) is not None:
            self._deliver(*frame)

    # -- the monitor

    def qmp(self, command, **arguments):
        """One QMP command; returns what it returned."""
        if not self.greeted:
            # Whoever listened may have had the greeting.
            while not self.welcomed:
                self._qmp_event(self._qmp_line())
            self.greeted = True
            self._qmp_send('qmp_capabilities', {})
        return self._qmp_send(command, arguments)

    def _qmp_send(self, command, arguments):
        message = {'execute': command}
        if arguments:
            message['arguments'] = {k.replace('_', '-'): v
                                    for k, v in arguments.items()}
        try:
            self.monitor.sendall(json.dumps(message).encode() + b'\n')
        except OSError as error:
            raise VmError(f'QMP: {error.strerror}') from error
        while True:
            answer = self._qmp_line()
            if 'error' in answer:
                raise QmpError(command, answer['error']['desc'])
            if 'return' in answer:
                return answer['return']
            self._qmp_event(answer)

    def _qmp_event(self, message):
        if 'event' in message:
            self.events.append(message)
        elif 'QMP' in message:
            self.welcomed = True

    def _qmp_fill(self):
        try:
            data = self.monitor.recv(65536)
        except OSError as error:
            raise VmError(f'QMP: {error}') from error
        if not data:
            raise VmError('QEMU closed its monitor')
        self.answers += data

    def _qmp_parse(self):
        line, newline, rest = self.answers.partition(b'\n')
        if not newline:
            return None
        self.answers = rest
        return json.loads(line)

    def _qmp_line(self):
        deadline = time.monotonic() + QMP_SECONDS
        while (message := self._qmp_parse()) is None:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.monitor], [], [], left)[0]:
                raise VmError('QMP: QEMU does not answer')
            self._qmp_fill()
        return message

    # -- the channel

    def _send(self, data):
        try:
            self.channel.sendall(data)
        except OSError as error:
            raise self._gone('ended') from error

    def _fill(self, deadline, what):
        """More bytes from the channel, or the reason why none will come."""
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            self._interrogate()
            raise VmError(f'the guest {what}', self.console_tail())
        if not select.select([self.channel], [], [],
                             1.0 if left is None else min(left, 1.0))[0]:
            if self.process.poll() is not None:
                raise self._gone('ended')
            return
        try:
            data = self.channel.recv(65536)
        except OSError:
            data = b''
        if not data:
            raise self._gone('ended')
        self.received += data

    def _frame(self, deadline, what):
        """The next (kind, id, data) that the agent sent."""
        while (frame := self._parse_frame()) is None:
            self._fill(deadline, what)
        return frame

    def _parse_frame(self):
        """The first one of what was received, or None."""
        end = self.received.find(b'\n')
        if end < 0:
            return None
        words = self.received[:end].split()
        try:
            kind, who, size = words[0].decode(), int(words[1]), int(words[2])
        except (IndexError, ValueError, UnicodeDecodeError):
            raise VmError('the guest sent something that is not of the '
                          f'protocol: {self.received[:80]!r}') from None
        if len(self.received) < end + 1 + size:
            return None
        data = self.received[end + 1:end + 1 + size]
        self.received = self.received[end + 1 + size:]
        return kind, who, data

    def _interrogate(self):
        """Make a guest that hangs say where, in its console."""
        self.hello = {}         # it will not listen to "poweroff" either
        try:
            self.qmp('inject-nmi')
            self.process.wait(5)
        except (VmError, subprocess.TimeoutExpired):
            pass

    def _gone(self, how):
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            status = None
        detail = self.console_tail()
        try:
            with open(os.path.join(self.folder, 'qemu.log'), 'rb') as f:
                said = f.read().decode(errors='replace').splitlines()[1:]
        except OSError:
            said = []
        if status not in (0, None):
            how = (f'was ended by signal {-status} of QEMU' if status < 0 else
                   f'could not go on, QEMU ended with status {status}')
            if said:
                how += f' ({said[-1].strip()})'
        if len(said) > 1:
            detail += '\n-- QEMU said:\n' + '\n'.join(said[-20:])
        if self.hello:
            return VmError(f'the guest {how} before its work was done',
                           detail)
        hint = ''
        if self.settings.accel == 'kvm':
            hint = '; KVM cannot run it here: use ACCEL=tcg'
        return VmError(f'the guest {how} before it was ready{hint}', detail)

    def console_tail(self, lines=40):
        """The end of the console, after the first splat if that is longer ago.

        How many lines a splat has is up to the kernel and its stack, so that
        the end alone may begin in the middle of one.
        """
        try:
            with open(self.console, 'rb') as f:
                data = f.read()
        except OSError as error:
            return f'(no console: {error.strerror})'
        text = data.decode(errors='replace').replace('\r', '')
        tail = '\n'.join(text.splitlines()[-lines:])
        found = console_reader.check(data)
        if found and found[0].line not in tail:
            return f'{found[0].excerpt}\n[...]\n{tail}'
        return tail


def parse_pairs(data):
    """ "key=value" lines as a dict."""
    return dict(line.split('=', 1) for line in
                data.decode(errors='replace').splitlines() if '=' in line)
