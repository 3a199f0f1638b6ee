# SPDX-License-Identifier: GPL-2.0-or-later
#
# What every script of the project needs first: where things are, and how to
# say that something went wrong.  Source it; it runs nothing.
#
#   DMASHARE_TOP     the source tree
#   DMASHARE_BUILD   the build folder (build/ unless the caller says otherwise)
#   DMASHARE_CACHE   downloads, unpacked packages, ccache; survives `make clean`
#
# Nothing is ever written outside DMASHARE_BUILD and DMASHARE_CACHE.
#
# shellcheck shell=bash

DMASHARE_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
: "${DMASHARE_BUILD:=$DMASHARE_TOP/build}"
: "${DMASHARE_CACHE:=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/dmashare}"
export DMASHARE_TOP DMASHARE_BUILD DMASHARE_CACHE

# die MESSAGE: one line that says what went wrong and what to do, exit 1.
die()
{
    printf 'dmashare: %s\n' "$*" >&2
    exit 1
}

# say MESSAGE: one line of progress.
say()
{
    printf 'dmashare: %s\n' "$*" >&2
}

# make_dir DIR...: mkdir -p that ends in one line when it cannot.
make_dir()
{
    local err
    err=$(mkdir -p -- "$@" 2>&1) ||
        die "cannot create $*: ${err##*: } (name another folder with DMASHARE_CACHE=)"
}

# need_space DIR MEBIBYTES WHAT: stop before a download fills the disk.
need_space()
{
    local have
    make_dir "$1"
    have=$(df -Pm -- "$1" | awk 'NR == 2 { print $4 }')
    [ "${have:-0}" -ge "$2" ] ||
        die "not enough space for $3 in $1: $2 MiB needed, ${have:-0} free;" \
            "free some, or name another folder with DMASHARE_CACHE="
}

# run_step NAME LOG COMMAND...: run one long command with a progress line, its
# output in LOG; on failure the end of the log is shown (see scripts/step).
run_step()
{
    local name=$1 log=$2
    shift 2
    "$DMASHARE_TOP/scripts/step" --name "$name" --log "$log" -- "$@"
}
