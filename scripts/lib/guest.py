# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes into a guest, and which VM each test program runs in."""
import dataclasses
import glob
import os
import re
import shlex
import subprocess
import sys
import zlib

import common
import hardware

LIST = os.path.join(common.TOP, 'tests/guest/list')
VMS = os.path.join(common.TOP, 'tests/guest/vms')
# Where meson puts what tests/guest builds.
PROGRAMS = os.path.join(common.BUILD, 'tests/guest')
RESTRICTIONS = ('only', 'full', 'brief', 'needs')
AGENT = os.path.join(PROGRAMS, 'init/dmashare-agent')


@dataclasses.dataclass
class Only:
    """A line "NAME only KERNEL REASON": elsewhere it cannot run.

    Or "NAME full KERNEL REASON": there it runs when FULL=1 asks for it.  Or
    "NAME brief KERNEL REASON": there it is told to be brief unless FULL=1.
    """
    kernel: str         # a kernel's name, or VERSION+ or VERSION-
    reason: str

    def allows(self, kernel):
        """May it run on this hardware.Kernel?"""
        if self.kernel[-1] not in '+-':
            return kernel.name == self.kernel
        newer = version(kernel.release) >= version(self.kernel)
        return newer == (self.kernel[-1] == '+')


@dataclasses.dataclass
class Needs:
    """A line "NAME needs FILE REASON": it runs if the build has that file, and
    the file "built" beside it, if there is one, says yes.  What that says else
    is the reason: a program of an earlier build may still lie about."""
    file: str           # below the build folder
    reason: str

    def there(self):
        """Was it built?"""
        path = os.path.join(common.BUILD, self.file)
        said = os.path.join(os.path.dirname(path), 'built')
        if os.path.exists(said):
            with open(said, encoding='utf-8') as f:
                built = f.read().strip()
            if built != 'yes':
                self.reason = built
                return False
        return os.path.exists(path)


@dataclasses.dataclass
class Entry:
    """One line of tests/guest/list."""
    name: str           # PROGRAM, or PROGRAM:LABEL
    vms: list           # empty: in the guest, but not a test
    timeout: float
    arguments: list
    only: dict = dataclasses.field(default_factory=dict)    # {VM or '': Only}
    full: dict = dataclasses.field(default_factory=dict)    # the same
    brief: dict = dataclasses.field(default_factory=dict)   # the same

    @property
    def program(self):
        """The file's name."""
        return self.name.split(':')[0]

    def briefly(self, row, kernel):
        """The same without FULL=1: told to be brief where that is said."""
        for brief in (self.brief.get(row), self.brief.get('')):
            if brief and brief.allows(kernel):
                return dataclasses.replace(
                    self, arguments=['--brief', *self.arguments])
        return self

    @property
    def path(self):
        """The program, built."""
        return os.path.join(PROGRAMS, self.program)


@dataclasses.dataclass
class Row:
    """One line of tests/guest/vms."""
    name: str
    variables: dict
    only: Only = None
    full: Only = None
    needs: Needs = None


def version(release):
    """The first two numbers of a kernel's release, for comparing."""
    found = re.match(r'(\d+)\.(\d+)', release)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _lines(path):
    """(where, words, Only, Needs or None) of each line that says something.

    Those of a restriction are the name and one of RESTRICTIONS.
    """
    try:
        with open(path, encoding='utf-8') as f:
            lines = f.read().splitlines()
    except OSError as error:
        common.die(f'{path}: {error.strerror}')
    for number, line in enumerate(lines, 1):
        where = f'{path}:{number}'
        if line.startswith('#') or not line.strip():
            continue
        words = line.split(None, 3)
        if words[1:2] and words[1] in RESTRICTIONS:
            if len(words) < 4:
                second = 'FILE' if words[1] == 'needs' else 'KERNEL'
                common.die(f'{where}: a restriction is "NAME {words[1]} '
                           f'{second} REASON"')
            if words[1] == 'needs':
                yield where, words[:2], Needs(words[2], words[3].strip())
                continue
            if words[2][-1] in '+-' and version(words[2]) == (0, 0):
                common.die(f'{where}: {words[2]} is not a version as in 7.0+')
            yield where, words[:2], Only(words[2], words[3].strip())
            continue
        try:
            yield where, shlex.split(line, comments=True), None
        except ValueError as error:
            common.die(f'{where}: {error}')


def read_list():
    """The guest programs."""
    known = read_vms()
    entries = {}
    for where, words, only in _lines(LIST):
        if only:
            name, _, row = words[0].partition('@')
            if name not in entries or row and row not in entries[name].vms:
                common.die(f'{where}: no line above says what {words[0]} is')
            if words[1] == 'needs':
                common.die(f'{where}: what needs a file is a VM, in {VMS}')
            getattr(entries[name], words[1])[row] = only
            continue
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
        if words[0] in entries:
            common.die(f'{where}: {words[0]} is there already: give one of '
                       'them a label, as in PROGRAM:LABEL')
        entries[words[0]] = Entry(words[0], vms, timeout, words[3:])
    return list(entries.values())


def read_vms():
    """{name: Row}"""
    found = {}
    for where, words, only in _lines(VMS):
        if only:
            if words[0] not in found:
                common.die(f'{where}: no line above says what {words[0]} is')
            if words[1] == 'brief':
                common.die(f'{where}: what can be brief is a test, in {LIST}')
            setattr(found[words[0]], words[1], only)
            continue
        variables = {}
        for word in words[1:]:
            key, equals, value = word.partition('=')
            if not equals or key not in hardware.Settings.NAMES.values():
                common.die(f'{where}: {word} is not VARIABLE=VALUE of '
                           + ', '.join(hardware.Settings.NAMES.values()))
            variables[key] = value
        found[words[0]] = Row(words[0], variables)
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
    return hardware.Kernel(result.stdout.strip())


def selected_kernel():
    """What the last build of the driver was for (its -Dkernel=)."""
    try:
        with open(os.path.join(common.BUILD, 'kernel/selected'),
                  encoding='utf-8') as f:
            return f.read().strip()
    except OSError:
        return 'debian'


def prepare(settings, bare=False, more=(), ours=True):
    """Everything that a VM boots: (kernel, initramfs).  A bare one has nothing
    of ours in it but the agent; one with `more` has these programs instead of
    those of the guest tests, and no driver unless it is to be `ours`."""
    kernel = find_kernel()
    driver = os.path.join(common.BUILD, 'driver', kernel.name,
                          'guest-driver/dmashare.ko')
    words = [os.path.join(common.TOP, 'scripts/initramfs'),
             '--kernel', kernel.name, '--agent', AGENT]
    modules = []
    if bare or not ours:
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
    if not bare and ours:
        # What else the driver's build made, as its KUnit module.
        for path in sorted(glob.glob(os.path.dirname(driver) + '/*.ko')):
            if path not in modules:
                words += ['--spare', os.path.realpath(path)]
    if not bare:
        for path in dict.fromkeys([entry.path for entry in read_list()]
                                  if not more else more):
            words += ['--program', path]
    # The user's modules make an archive of their own, so that the ordinary
    # one stays as it is, for whoever boots it at the same time.
    name = kernel.name
    if own:
        name += f'-own-{zlib.crc32(" ".join(own).encode()):08x}'
    elif bare:
        name += '-bare'
    if more:
        name += '-more' if ours else '-foreign'
    initramfs = os.path.join(common.BUILD, 'initramfs', f'{name}.cpio')
    result = subprocess.run(words + ['--output', initramfs], check=False)
    if result.returncode:
        sys.exit(result.returncode)
    return kernel, initramfs
