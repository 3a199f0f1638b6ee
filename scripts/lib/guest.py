# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes into a guest, and which VM each test program runs in."""
import dataclasses
import os
import shlex
import subprocess
import sys
import zlib

import common
import vm

LIST = os.path.join(common.TOP, 'tests/guest/list')
VMS = os.path.join(common.TOP, 'tests/guest/vms')
# Where meson puts what tests/guest builds.
PROGRAMS = os.path.join(common.BUILD, 'tests/guest')
AGENT = os.path.join(PROGRAMS, 'init/dmashare-agent')


@dataclasses.dataclass
class Entry:
    """One line of tests/guest/list."""
    program: str
    vms: list           # empty: in the guest, but not a test
    timeout: float
    arguments: list

    @property
    def path(self):
        """The program, built."""
        return os.path.join(PROGRAMS, self.program)


def _lines(path):
    try:
        with open(path, encoding='utf-8') as f:
            for number, line in enumerate(f, 1):
                words = line.split('#')[0].split()
                if words:
                    yield number, words
    except OSError as error:
        common.die(f'{path}: {error.strerror}')


def read_list():
    """The guest programs."""
    known = read_vms()
    entries = []
    for number, words in _lines(LIST):
        where = f'{LIST}:{number}'
        if len(words) < 2:
            common.die(f'{where}: a line is "PROGRAM VM[,VM...] TIMEOUT '
                       '[ARGUMENT...]"')
        vms = [] if words[1] == '-' else words[1].split(',')
        for name in vms:
            if name not in known:
                common.die(f'{where}: no VM {name} in {VMS}')
        try:
            timeout = float(words[2]) if vms else 0
        except (IndexError, ValueError):
            common.die(f'{where}: the third word is a timeout in seconds')
        entries.append(Entry(words[0], vms, timeout, words[3:]))
    return entries


def read_vms():
    """{name: {variable: value}}"""
    found = {}
    for number, words in _lines(VMS):
        settings = {}
        for word in words[1:]:
            key, equals, value = word.partition('=')
            if not equals or key not in vm.Settings.NAMES.values():
                common.die(f'{VMS}:{number}: {word} is not VARIABLE=VALUE of '
                           + ', '.join(vm.Settings.NAMES.values()))
            settings[key] = value
        found[words[0]] = settings
    return found


def find_kernel():
    """The kernel that KERNEL= names, made ready."""
    wanted = (os.environ.get('KERNEL') or os.environ.get('DMASHARE_KERNEL')
              or selected_kernel())
    result = subprocess.run(
        [os.path.join(common.TOP, 'scripts/kernel'), wanted],
        stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        sys.exit(result.returncode)
    return vm.Kernel(result.stdout.strip())


def selected_kernel():
    """What the last build of the driver was for (its -Dkernel=)."""
    try:
        with open(os.path.join(common.BUILD, 'kernel/selected'),
                  encoding='utf-8') as f:
            return f.read().strip()
    except OSError:
        return 'debian'


def prepare(settings, bare=False):
    """Everything that a VM boots: (kernel, initramfs).  A bare one has nothing
    of ours in it but the agent."""
    kernel = find_kernel()
    driver = os.path.join(common.BUILD, 'driver', kernel.name,
                          'guest-driver/dmashare.ko')
    words = [os.path.join(common.TOP, 'scripts/initramfs'),
             '--kernel', kernel.name, '--agent', AGENT]
    modules = []
    if bare:
        pass
    elif os.path.exists(driver):
        modules.append(driver)
    elif settings.devices:
        common.die(f'the driver is not built for {kernel.release}: run '
                   'scripts/build driver (or make vm, which does)')
    own = [] if bare else shlex.split(os.environ.get('MODULES') or '')
    for path in own:
        if not os.path.isfile(path):
            common.die(f'MODULES: {path} does not exist: build it first, or '
                       'correct the path')
    for path in modules + own:
        words += ['--module', os.path.realpath(path)]
    if not bare:
        for entry in read_list():
            words += ['--program', entry.path]
    # The user's modules make an archive of their own, so that the ordinary
    # one stays as it is, for whoever boots it at the same time.
    name = kernel.name
    if own:
        name += f'-own-{zlib.crc32(" ".join(own).encode()):08x}'
    elif bare:
        name += '-bare'
    initramfs = os.path.join(common.BUILD, 'initramfs', f'{name}.cpio')
    result = subprocess.run(words + ['--output', initramfs], check=False)
    if result.returncode:
        sys.exit(result.returncode)
    return kernel, initramfs
