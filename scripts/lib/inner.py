# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest inside of a guest.

    with Outer(settings, kernel, initramfs, folder) as outer:
        outer.wait_ready()
        with Inner(outer, settings, kernel, files) as guest:
            guest.wait_ready()
            guest.run(['dmashare-demo'], timeout=600)

The emulator of the inner one runs as a program of the outer one.  What leads
to its agent is a port of the outer one, so that everything that is done with a
vm.Machine can be done with both.
"""
import dataclasses
import os
import shlex
import socket
import subprocess
import time

import hardware
import vm

PORT_NAME = 'org.dmashare.inner'
# Everything takes longer than in one that is emulated once.
BOOT_TIMEOUT = 600
FIND_PORT = f'''
for name in /sys/class/virtio-ports/*/name; do
    read -r found <"$name"
    if [ "$found" = {PORT_NAME} ]; then
        name=${{name%/name}}
        port=/dev/${{name##*/}}
    fi
done
'''


class Outer(vm.Machine):
    """A VM in which another one can run."""

    def __init__(self, settings, kernel, initramfs, folder):
        os.makedirs(folder, exist_ok=True)
        self.port = vm.FOLDERS.short(os.path.join(folder, 'inner.sock'))
        settings = dataclasses.replace(
            settings, qemu_args=f'{settings.qemu_args} -chardev socket,'
            f'id=inner,path={self.port},server=on,wait=off -device '
            f'virtserialport,chardev=inner,name={PORT_NAME}')
        super().__init__(settings, kernel, initramfs, folder)


class Process:
    """The inner emulator, as subprocess.Popen has it."""

    def __init__(self, outer, talk):
        self.outer = outer
        self.talk = talk

    @property
    def returncode(self):
        """None while it runs."""
        result = self.talk.result
        return result.status if result else None

    def poll(self):
        """Has it ended?"""
        if self.talk.result is None:
            self.outer.listen(0)
        return self.returncode

    def wait(self, timeout):
        """For its end."""
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired('inner QEMU', timeout)
            self.outer.listen(left)
        return self.returncode

    def terminate(self):
        """End it."""
        if self.poll() is None:
            self.talk.kill()

    kill = terminate


@dataclasses.dataclass
class Files:
    """Where they are, inside of the outer one."""
    emulator: str
    image: str
    initramfs: str


class Inner(vm.Machine):
    """A VM in that one."""

    def __init__(self, outer, settings, kernel, files, timeout):
        super().__init__(settings, kernel, files.initramfs, outer.folder)
        self.outer = outer
        self.files = files
        self.timeout = timeout
        self.share = '/tmp/share.sock'
        self.console = '/tmp/console.log'
        self.silent = None

    def start(self):
        """Start the emulator, and be connected with what comes out of it."""
        words = [self.files.emulator,
                 *hardware.machine_words(self.settings, self.share),
                 '-chardev', f'file,id=console,path={self.console}',
                 '-serial', 'chardev:console',
                 '-device', 'virtio-serial-pci,addr=0x4',
                 '-device', 'virtserialport,chardev=results,'
                 f'name={vm.CHANNEL_NAME}',
                 '-kernel', self.files.image, '-initrd', self.initramfs,
                 '-append', self.kernel_words()]
        self.channel = socket.socket(socket.AF_UNIX)
        self.channel.connect(self.outer.port)
        # It has no monitor that could be reached from here.
        self.monitor, self.silent = socket.socketpair()
        talk = self.outer.talk(
            ['/bin/sh', '-c', f'{FIND_PORT}exec {shlex.join(words)} -chardev '
             'pipe,id=results,path="$port"'], self.timeout)
        self.process = Process(self.outer, talk)

    def wait_ready(self, timeout=BOOT_TIMEOUT):
        """Until its agent says hello."""
        super().wait_ready(timeout)

    def stop(self):
        """End it."""
        super().stop()
        if self.silent:
            self.silent.close()
            self.silent = None

    def console_tail(self, lines=40):
        """What its kernel said at last, and what the emulator did."""
        try:
            result = self.outer.run(['tail', '-n', str(lines), self.console],
                                    30)
        except vm.VmError as error:
            return f'{error}'
        said = self.process.talk.err if self.process else b''
        if self.process and self.process.talk.result:
            said = self.process.talk.result.err
        return (result.out + b'\n-- the emulator said:\n' + said).decode(
            errors='replace')

    def _interrogate(self):
        self.hello = {}
