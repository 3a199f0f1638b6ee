# SPDX-License-Identifier: GPL-2.0-or-later
#
# Guest kernels.  Every kernel that the project knows is described by one
# folder, build/kernel/NAME, made by scripts/kernel.  Its entries are the whole
# interface between what provides a kernel and what uses it:
#
#   release    text: what `uname -r` prints in the guest
#   image      link: what to boot, a bzImage or a vmlinux with a PVH entry
#   modules    link: the folder that holds kernel/, modules.dep, ...
#   headers    link: the folder to give as O= (or to `make -C` where there is
#              no `source`) when a module is built; missing when there is none
#   source     link: the folder for `make -C`, where it differs from `headers`
#
# Source lib/common.sh first.
#
#   kernel_end NAME RELEASE IMAGE MODULES [HEADERS [SOURCE]]
#                                write the description of a kernel
#   kernel_depmod DIR RELEASE    make sure that DIR has modules.dep
#   kernel_image_release IMAGE   the release that a bzImage carries
#
# shellcheck shell=bash

kernel_dir()
{
    printf '%s/kernel/%s\n' "$DMASHARE_BUILD" "$1"
}

# The version string of a bzImage stands at the offset that the boot protocol
# keeps at 0x20e, counted from 0x200 (Documentation/arch/x86/boot.rst).
kernel_image_release()
{
    local image=$1 magic offset
    magic=$(dd if="$image" bs=1 skip=514 count=4 2>/dev/null)
    [ "$magic" = HdrS ] || return 1
    offset=$(od -An -tu2 -j 526 -N 2 -- "$image") || return 1
    dd if="$image" bs=1 skip=$((offset + 512)) count=128 2>/dev/null |
        tr '\0' '\n' | head -n 1 | cut -d ' ' -f 1
}

# kernel_depmod MODULES RELEASE: Debian's package has no modules.dep (its
# postinst makes it), and a freshly built tree has none either.
kernel_depmod()
{
    local modules=$1 release=$2 root
    [ -s "$modules/modules.dep" ] && return
    command -v depmod >/dev/null || PATH=$PATH:/usr/sbin:/sbin
    command -v depmod >/dev/null ||
        die "depmod not found: run apt-get install kmod"
    # depmod -b wants the folder above lib/modules/RELEASE
    root=${modules%/lib/modules/"$release"}
    [ "$root" != "$modules" ] ||
        die "$modules is not named .../lib/modules/$release"
    depmod -b "$root" "$release" ||
        die "depmod failed for $modules: check the free space there"
}

# kernel_end NAME RELEASE IMAGE MODULES [HEADERS [SOURCE]]
kernel_end()
{
    local dir new
    dir=$(kernel_dir "$1")
    new=$dir.new.$$
    make_dir "$new"
    printf '%s\n' "$2" 2>/dev/null >"$new/release" ||
        die "cannot write $new: free some space"
    ln -s "$3" "$new/image"
    ln -s "$4" "$new/modules"
    [ -z "${5:-}" ] || ln -s "$5" "$new/headers"
    [ -z "${6:-}" ] || ln -s "$6" "$new/source"
    (
        # Others may be reading it: what is right is left alone.
        flock 9
        if ! diff -q --no-dereference "$dir" "$new" >/dev/null 2>&1; then
            rm -rf "$dir"
            mv -T "$new" "$dir"
        fi
        rm -rf "$new"
    ) 9>"$dir.lock"
}
