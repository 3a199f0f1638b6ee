# SPDX-License-Identifier: GPL-2.0-or-later
#
# The front door.  What is built and how stands in meson.build; this file
# checks what was typed, installs what is missing, sets build/ up and calls it.

SHELL := /bin/bash
BUILD := $(CURDIR)/build
MAKEFLAGS += --no-print-directory

TARGETS := demo replay check vm qtest guest-test scenarios share nested lib lib-test \
	bench bench-compare install lint docs qemu clean help
# Variables that may be given, as in `make vm ACCEL=tcg`.
VARIABLES := ACCEL IOMMU KERNEL KERNEL_MODULES CMD MODULES MEM RAM SMP QEMU_SRC \
	DEVICES DEVICE_ARGS DEVICE2_ARGS HOTPLUG KERNEL_ARGS QEMU_ARGS SKIP_MODULES HOSTILE \
	TIMEOUT ONLY JOBS FULL SANITIZE V RECORD FILE REPEAT PREFIX DESTDIR \
	EXPORTER OLD NEW
ACCEL_VALUES := auto tcg kvm
IOMMU_VALUES := vtd virtio none
SANITIZE_VALUES := 0 1
FULL_VALUES := 0 1
HOTPLUG_VALUES := 0 1
RAM_VALUES := private shared

# A misspelt variable would otherwise be ignored in silence.
given := $(foreach v,$(.VARIABLES),$(if \
	$(findstring command line,$(origin $v)),$v))
unknown := $(filter-out $(VARIABLES) MAKEFLAGS CURDIR BUILD DMASHARE_CACHE \
	DMASHARE_MIRROR,$(given))
ifneq ($(unknown),)
$(error unknown variable $(firstword $(unknown)); permitted: $(VARIABLES))
endif

# $(call permitted,NAME): the value must be one of NAME_VALUES; an empty one of the
# environment is none, because make itself exports what it was not given so.
define permitted
ifneq ($$(origin $1),undefined)
ifneq ($$(filter-out $$($1_VALUES),$$(or $$($1),$$(if $$(filter environment,$$(origin $1)),,empty))),)
$$(error $1=$$($1) is not known; permitted: $$($1_VALUES))
endif
endif
endef
$(foreach v,ACCEL IOMMU SANITIZE FULL HOTPLUG RAM,$(eval $(call permitted,$v)))

# A tree of the user's own is remembered by build/ until QEMU_SRC= is given.
ifneq ($(origin QEMU_SRC),undefined)
ifneq ($(QEMU_SRC),)
ifeq ($(and $(wildcard $(QEMU_SRC)/VERSION),$(wildcard $(QEMU_SRC)/configure)),)
$(error QEMU_SRC=$(QEMU_SRC) is not a QEMU source tree: name its top folder)
endif
endif
MESON_OPTIONS += -Dqemu_src=$(abspath $(QEMU_SRC))
endif

export DMASHARE_BUILD := $(BUILD)
export ACCEL IOMMU KERNEL KERNEL_MODULES CMD MODULES MEM RAM SMP V ONLY JOBS FULL
export DEVICES DEVICE_ARGS DEVICE2_ARGS HOTPLUG KERNEL_ARGS QEMU_ARGS SKIP_MODULES HOSTILE
export TIMEOUT EXPORTER
ifdef DMASHARE_CACHE
export DMASHARE_CACHE := $(abspath $(DMASHARE_CACHE))
endif
export DMASHARE_MIRROR
ifdef RECORD
export RECORD := $(abspath $(RECORD))
endif

.PHONY: $(TARGETS) setup
.DEFAULT_GOAL := help

help:
	@echo 'make demo         the demonstration: drivers of a stock kernel share buffers'
	@echo '                  RECORD=FILE records the device, and replays that'
	@echo 'make replay       FILE=... a recording of a device, played to a new one with'
	@echo '                  no guest; REPEAT=n times (docs/recording.rst)'
	@echo 'make check        every test but the scenarios, on both kernels (KERNEL=... on'
	@echo '                  that one alone);'
	@echo '                  ends with "N passed, N failed, N skipped"; FULL=1 adds the'
	@echo '                  long runs of a few tests'
	@echo 'make vm           a shell in the VM; CMD="..." runs one command instead'
	@echo 'make qtest        the device alone, no guest; ONLY=text picks cases,'
	@echo '                  SANITIZE=1 uses a build with ASan and UBSan'
	@echo 'make guest-test   the tests that run in the VM, JOBS=n VMs at a time; ONLY=text'
	@echo '                  picks suites, KERNEL=debug runs them on a recent kernel with'
	@echo '                  KASAN and lockdep (built once, a quarter of an hour)'
	@echo 'make scenarios    stories of a guest and QMP, with what is to be expected of'
	@echo '                  them; ONLY=text picks some, KERNEL=debug as above'
	@echo 'make share        sharing with the host and from one VM to another; FULL=1 kills'
	@echo '                  fifty VMs'
	@echo 'make nested       sharing by real dma-bufs: our QEMU in a VM whose kernel has'
	@echo '                  /dev/udmabuf, as the host; SANITIZE=1 as above'
	@echo 'make bench        what everything costs, beside its floor: a table, and pictures in'
	@echo '                  build/bench; ONLY=text picks figures, STARTS=n starts each'
	@echo '                  program n times (5), EXPORTER=vgem|udmabuf|heap:NAME|NODE'
	@echo '                  measures another exporter (MODULES= its driver)'
	@echo 'make bench-compare OLD=... NEW=...  what changed from one such result to another'
	@echo 'make lib          libdmashare and the command dmashare, for programs of the host'
	@echo 'make lib-test     their tests'
	@echo 'make install      installs these two alone; PREFIX=/usr/local DESTDIR='
	@echo 'make lint         checkpatch (QEMU and Linux), sparse, W=1, shellcheck'
	@echo 'make docs         build/docs/html/index.html'
	@echo 'make qemu         only build the emulator'
	@echo 'make clean        remove build/ (downloads stay in the cache)'
	@echo
	@echo 'Variables: ACCEL=$(subst $() ,|,$(ACCEL_VALUES)) IOMMU=$(subst $() ,|,$(IOMMU_VALUES))'
	@echo '  KERNEL=debug|DIR|bzImage  KERNEL_MODULES=DIR  MODULES="a.ko b.ko"  MEM=MiB  SMP=n'
	@echo '  QEMU_SRC=DIR  DMASHARE_CACHE=DIR (now: $(or $(DMASHARE_CACHE),~/.cache/dmashare))'

setup:
	@scripts/build-deps --auto
	@scripts/setup $(MESON_OPTIONS)

qemu: setup
	@scripts/build emulator
ifeq ($(SANITIZE),1)
	@scripts/qemu-build --sanitize
endif

demo: setup
	@scripts/build vm library
	@scripts/demo

replay: setup
	@scripts/build emulator
	@scripts/replay --repeat '$(or $(REPEAT),1)' '$(FILE)'

check: setup
	@scripts/build emulator vm lib-tests perf
	@scripts/check

vm: setup
	@scripts/build vm
	@scripts/vm

qtest: setup
ifeq ($(SANITIZE),1)
	@scripts/build sanitized
	@scripts/qemu-build --sanitize
	@scripts/qtest --sanitize --only '$(ONLY)' --report
else
	@scripts/build emulator library
	@scripts/qtest --only '$(ONLY)' --report
endif

guest-test: setup
	@scripts/build vm
	@scripts/check guest-test

scenarios: setup
	@scripts/build vm
	@scripts/check scenarios

share: setup
	@scripts/build vm library perf
	@scripts/check share

nested: setup
	@scripts/build vm nested
ifeq ($(SANITIZE),1)
	@scripts/qemu-build --sanitize
	@scripts/nested --sanitize
else
	@scripts/nested
endif

bench: setup
	@scripts/build-deps --bench
	@scripts/build vm perf bench-guest
	@scripts/bench

bench-compare:
	@scripts/bench-compare '$(or $(OLD),$(BUILD)/bench/previous.json)' \
		'$(or $(NEW),$(BUILD)/bench/results.json)'

lib: setup
	@scripts/build library
	@echo build/lib/tool/dmashare

lib-test: setup
	@scripts/build lib-tests
	@scripts/check lib

install: setup
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' scripts/install

lint: setup
	@scripts/build emulator driver
	@scripts/lint

docs: setup
	@scripts/build manual
	@echo build/docs/html/index.html

clean:
	rm -rf build

.DEFAULT:
	@echo "dmashare: no such target: $@; permitted: $(TARGETS)" >&2; exit 2
