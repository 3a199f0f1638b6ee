# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tools that a release of Debian has too old.  Source lib/common.sh and
# lib/apt.sh first.
#
# shellcheck shell=bash

MESON_WANTED=1.5.0

# version_at_least HAVE WANTED
version_at_least()
{
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# tools_meson: set DMASHARE_MESON to a meson that QEMU accepts.  Debian 12's is
# too old; its backports' is unpacked into the cache, never installed, and
# found by Python through PYTHONPATH.
tools_meson()
{
    local have dir=$DMASHARE_CACHE/tools/meson deb
    # A meson from pip or pyenv is ignored: the build uses the system's Python.
    have=$(/usr/bin/meson --version 2>/dev/null)
    if [ -n "$have" ] && version_at_least "$have" "$MESON_WANTED"; then
        export DMASHARE_MESON=/usr/bin/meson
        return
    fi
    if [ ! -x "$dir/usr/bin/meson" ]; then
        case $(apt_host_codename) in
        bookworm) ;;
        *) die "meson $MESON_WANTED or newer is needed: run sudo scripts/build-deps" ;;
        esac
        deb=$(apt_fetch_deb bookworm-backports meson) || exit 1
        rm -rf "$dir.new"
        apt_unpack_deb "$deb" "$dir.new"
        rm -rf "$dir"
        mv "$dir.new" "$dir"
    fi
    export PYTHONPATH=$dir/usr/lib/python3/dist-packages
    export DMASHARE_MESON=$dir/usr/bin/meson
}

# tools_ccache: use ccache with its store in our cache, when there is one.
# DMASHARE_CC is then what a build names as its C compiler.
tools_ccache()
{
    export DMASHARE_CC=${CC:-gcc}
    command -v ccache >/dev/null || return 0
    export CCACHE_DIR=$DMASHARE_CACHE/ccache CCACHE_MAXSIZE=2G
    export CCACHE_BASEDIR=$DMASHARE_TOP CCACHE_NOHASHDIR=1
    # Sources that were unpacked a moment ago are as good as old ones.
    export CCACHE_SLOPPINESS=include_file_mtime,include_file_ctime,time_macros
    export DMASHARE_CC="ccache ${CC:-gcc}"
}
