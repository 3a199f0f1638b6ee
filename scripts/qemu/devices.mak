# SPDX-License-Identifier: GPL-2.0-or-later
#
# The devices of our QEMU: what the project's VM and tests use, no more.
# Configured with --without-default-devices, so what is not here is not built.

# Machines: q35 is what the VM boots; pc gives conventional PCI and is what
# QEMU's generic qtests start.
CONFIG_Q35=y
CONFIG_I440FX=y
CONFIG_ISAPC=n
CONFIG_MICROVM=n
CONFIG_NITRO_ENCLAVE=n

# The device
CONFIG_DMASHARE=y

# Translating IOMMUs
CONFIG_VTD=y
CONFIG_VIRTIO_IOMMU=y

# PCI Express topologies: root port and switch
CONFIG_PCIE_PORT=y
CONFIG_XIO3130=y

# Console, result channel, entropy and, as a counterpart, a GPU and a disk
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_SERIAL=y
CONFIG_VIRTIO_RNG=y
CONFIG_VIRTIO_GPU=y
CONFIG_VIRTIO_BLK=y

# For tests: simple PCI devices, a debug exit, a panic notifier
CONFIG_PCI_TESTDEV=y
CONFIG_EDU=y
CONFIG_ISA_DEBUG=y
CONFIG_PVPANIC_PCI=y
