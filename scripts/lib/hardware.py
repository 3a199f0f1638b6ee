# SPDX-License-Identifier: GPL-2.0-or-later
"""What a VM is made of: what a person may choose about it, the kernel, and the
words that make QEMU and that kernel so.  How it is started and spoken to is in
vm.py.
"""
import dataclasses
import os

import common
import hostclock

IOMMUS = ('vtd', 'virtio', 'none')
ACCELS = ('auto', 'tcg', 'kvm')
RAMS = ('private', 'shared')
MEMORY_LEAST = 128      # MiB; with less the kernel cannot unpack its initramfs
# Room for BARs above 4 GiB: for two of 16 GiB and their alignment.
HOLE64 = '128G'


@dataclasses.dataclass
class Settings:
    """What a person may choose about a VM."""
    iommu: str = 'vtd'
    accel: str = 'auto'
    devices: int = 1            # how many dmashare devices
    device_args: str = ''       # properties, appended to each of them
    device2_args: str = ''      # ... and to the second one, where they count
    hotplug: str = '0'          # 1: each in a slot that it can be taken from
    memory: str = '512M'
    ram: str = 'private'        # shared: a memory file, as sharing needs it
    smp: str = '1'
    hostile: str = '0'          # clients of the share server that are so
    kernel_args: str = ''
    qemu_args: str = ''
    skip: str = ''              # modules not to load at boot

    # The variables of make that these come from.
    NAMES = {'iommu': 'IOMMU', 'accel': 'ACCEL', 'devices': 'DEVICES',
             'device_args': 'DEVICE_ARGS', 'device2_args': 'DEVICE2_ARGS',
             'hotplug': 'HOTPLUG',
             'memory': 'MEM', 'ram': 'RAM', 'smp': 'SMP',
             'kernel_args': 'KERNEL_ARGS', 'qemu_args': 'QEMU_ARGS',
             'hostile': 'HOSTILE', 'skip': 'SKIP_MODULES'}

    @classmethod
    def read(cls, source, base=None):
        """From a dict of those variables, over the values of `base`."""
        values = dataclasses.asdict(base) if base else {}
        for field, name in cls.NAMES.items():
            if source.get(name):
                values[field] = source[name]
        settings = cls(**values)
        settings.check()
        return settings

    def check(self):
        """End with one line when a value is not one that is known."""
        if self.iommu not in IOMMUS:
            common.die(f'IOMMU={self.iommu} is not known: use one of '
                       f'{", ".join(IOMMUS)}')
        if self.accel not in ACCELS:
            common.die(f'ACCEL={self.accel} is not known: use one of '
                       f'{", ".join(ACCELS)}')
        try:
            self.devices = int(self.devices)
        except ValueError:
            self.devices = -1
        if not 0 <= self.devices <= 8:
            common.die('DEVICES must be a number from 0 to 8')
        if self.device2_args and self.devices < 2:
            common.die('DEVICE2_ARGS is for a second device: set DEVICES=2')
        if self.hotplug not in ('0', '1'):
            common.die(f'HOTPLUG={self.hotplug} is not known: use 0 or 1')
        if self.ram not in RAMS:
            common.die(f'RAM={self.ram} is not known: use one of '
                       + ', '.join(RAMS))
        if not str(self.smp).isdigit() or not 1 <= int(self.smp) <= 16:
            common.die(f'SMP={self.smp} is not a number from 1 to 16')
        if not self.hostile.isdigit() or int(self.hostile) > 64:
            common.die(f'HOSTILE={self.hostile} is not a number of clients up '
                       'to 64')
        if int(self.hostile) and '{share}' not in self.device_args:
            common.die('HOSTILE needs something to be hostile to: '
                       'DEVICE_ARGS=share=unix:{share}')
        if self.memory.isdigit():
            self.memory += 'M'
        if not (self.memory[:-1].isdigit() and self.memory[-1] in 'MG'):
            common.die(f'MEM={self.memory} is not a size: a number of MiB, or '
                       'with a unit as in 2G')
        if self.memory[-1] == 'M' and int(self.memory[:-1]) < MEMORY_LEAST:
            common.die(f'MEM={self.memory} is too little: the guest needs '
                       f'{MEMORY_LEAST} MiB')


class Kernel:
    """What lib/kernel.sh keeps about a kernel, as far as booting needs it."""

    def __init__(self, name):
        self.name = name
        self.dir = os.path.join(common.BUILD, 'kernel', name)
        self.image = os.path.realpath(os.path.join(self.dir, 'image'))
        self.modules = os.path.realpath(os.path.join(self.dir, 'modules'))
        try:
            with open(os.path.join(self.dir, 'release'),
                      encoding='ascii') as f:
                self.release = f.read().strip()
        except OSError:
            common.die(f'the kernel {name} is not ready: run make kernel')

    def has(self, module):
        """Is this module there, built in or not?"""
        for name in ('modules.builtin', 'modules.dep'):
            try:
                with open(os.path.join(self.modules, name),
                          encoding='utf-8') as f:
                    if any(f'/{module}.ko' in line.split(':')[0]
                           for line in f):
                        return True
            except OSError:
                pass
        return False


def find_qemu():
    """The emulator that the project built, or the one that QEMU= names."""
    path = os.environ.get('QEMU') or os.path.join(common.BUILD, 'qemu',
                                                  'qemu-system-x86_64')
    if not os.access(path, os.X_OK):
        common.die(f'there is no QEMU at {path}: run make qemu')
    return path


def machine_words(s, share):
    """QEMU's words for all of a machine but what leads out of it; `share` is
    what {share} stands for."""
    # 5-level paging makes sanitizer kernels fail now and then.
    cpu = 'max,la57=off'
    if s.accel != 'kvm':
        # Behind this family of AMD's, and behind few other things, Linux
        # lets PCI devices speak to each other directly.
        cpu += ',vendor=AuthenticAMD,family=23'
        # What these promise to be quick is emulated byte by byte.
        cpu += ',erms=off,fsrm=off,fzrm=off,fsrs=off,fsrc=off'
    words = ['-nodefaults', '-no-user-config', '-no-reboot',
             '-display', 'none',
             '-M', 'q35' + (',memory-backend=ram' if s.ram == 'shared'
                            else ''),
             '-accel', s.accel, '-m', s.memory, '-smp', s.smp,
             '-cpu', cpu,
             '-global', f'q35-pcihost.pci-hole64-size={HOLE64}']
    if s.ram == 'shared':
        # Sealed, so that it cannot shrink under whoever maps it.
        words += ['-object', 'memory-backend-memfd,id=ram,share=on,'
                  f'seal=on,size={s.memory}']
    if s.iommu == 'vtd':
        words += ['-device', 'intel-iommu']
    elif s.iommu == 'virtio':
        words += ['-device', 'virtio-iommu-pci,addr=0x3']
    if s.hotplug == '1':
        # The guest's own driver sees to the slots, and not the firmware,
        # which knows of no surprise.
        words += ['-global',
                  'ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off']
    # Fixed places, so that messages and tests can name them.
    for i in range(s.devices):
        device = f'dmashare,id=dmashare{i}'
        if s.hotplug == '1':
            words += ['-device', f'pcie-root-port,id=port{i},'
                      f'addr={0x10 + i:#x},chassis={i + 1},slot={i + 1}']
            device += f',bus=port{i}'
        else:
            device += f',addr={0x10 + i:#x}'
        # Of a property that is given twice the last one counts.
        for args in (s.device_args, s.device2_args if i == 1 else ''):
            args = args.replace('{share}', share)
            device += f',{args}' if args else ''
        words += ['-device', device]
    return words


def kernel_words(s, kernel, mode, channel):
    """The kernel's command line; `channel` is what the agent in the guest
    speaks by."""
    words = ['console=ttyS0', 'panic=-1', 'iommu.strict=1',
             'iommu.passthrough=0', f'vm_mode={mode}',
             f'vm_iommu={s.iommu}', f'vm_kernel={kernel.name}',
             # An emulated timer may be late on a busy host; the kernel
             # would take it for a broken one and panic.
             'no_timer_check',
             # An emulated processor has none of these faults.
             'mitigations=off',
             # The same addresses each time, and less to do at boot.
             'nokaslr']
    if s.accel != 'kvm' and (khz := hostclock.tsc_khz()):
        # The emulated one counts as the host's does.  Left to measure it,
        # a kernel on a busy host may be wrong by a factor, and its clock.
        # Nor is it to be held against slower clocks that were late.
        words += [f'tsc_early_khz={khz}', 'tsc=nowatchdog']
    if s.iommu == 'vtd':
        words.append('intel_iommu=on')
    if mode == 'agent':
        # An oops ends the run at once; an NMI from the host makes a
        # kernel that hangs show where.
        words += ['oops=panic', 'unknown_nmi_panic',
                  f'vm_channel={channel}']
    else:
        # The console belongs to the person: only what matters.
        words += ['quiet', 'loglevel=4']
    if s.skip:
        words.append(f'vm_skip={s.skip}')
    if s.kernel_args:
        words.append(s.kernel_args)
    return ' '.join(words)
