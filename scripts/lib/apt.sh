# SPDX-License-Identifier: GPL-2.0-or-later
#
# A private apt: packages and sources of any Debian suite, downloaded into the
# cache with signatures verified, without touching the system's apt state.
# Source lib/common.sh first.
#
#   apt_host_codename               bookworm, trixie, ...
#   apt_private_update SUITE        make sure the suite's lists are there
#   apt_newest_source SUITE PKG SERIES
#                                   print the newest version that starts with
#                                   SERIES ("10.0"); empty SERIES takes any
#   apt_fetch_source SUITE PKG SERIES
#                                   download it; prints the path of the .dsc
#   apt_newest_deb SUITE PKG        print the version that the suite has
#   apt_deb_depends SUITE PKG       print the packages that it depends on
#   apt_fetch_deb SUITE PKG...      download; prints one .deb path a line
#   apt_unpack_deb DEB DIR          unpack (never install) into DIR
#
# One state a suite, in $DMASHARE_CACHE/apt/SUITE.  The mirror, proxies and
# credentials are those of the machine's own apt configuration; no version is
# pinned, because an archive drops what it has superseded.
#
# shellcheck shell=bash

# Lists older than this many minutes are fetched again when something has to be
# downloaded; what was downloaded before needs no lists.
APT_LISTS_MAX_AGE=720

apt_host_codename()
{
    # shellcheck source=/dev/null
    (. /etc/os-release && printf '%s\n' "${VERSION_CODENAME:-unknown}")
}

# Mirror address of the machine's own Debian stanza.  apt itself is asked, so
# that both the one-line and the deb822 form (and every source list fragment)
# are understood.
apt_mirror()
{
    local codename uri release component
    if [ -n "${DMASHARE_MIRROR:-}" ]; then
        printf '%s/\n' "${DMASHARE_MIRROR%/}"
        return
    fi
    command -v apt-get >/dev/null ||
        die "apt-get not found: the sources come from Debian's archive;" \
            "use Debian 12 or 13, or name your own trees with" \
            "-Dqemu_src= and KERNEL="
    codename=$(apt_host_codename)
    # shellcheck disable=SC2016 # $(...) below is apt's own notation
    while IFS='|' read -r uri release component; do
        case $release in
        "$codename" | stable | oldstable | testing) ;;
        *) continue ;;
        esac
        case $component:$uri in
        *security* | main:cdrom:*) ;;
        main:*debian*)
            printf '%s\n' "$uri"
            return
            ;;
        esac
    done < <(apt-get indextargets --no-release-info 'Identifier: Packages' \
        --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)' 2>/dev/null)
    die "no Debian mirror found in this machine's apt configuration;" \
        "name one with DMASHARE_MIRROR=URL"
}

# The keyring that the archive is verified with: Debian's own, wherever the
# machine's keyring package put it.
apt_keyring()
{
    local file
    for file in /usr/share/keyrings/debian-archive-keyring.gpg \
        /usr/share/keyrings/debian-archive-keyring.pgp; do
        [ -r "$file" ] && printf '%s\n' "$file" && return
    done
    die "no archive keyring: run apt-get install debian-archive-keyring"
}

# apt_private SUITE PROGRAM ARGUMENT...: apt-get or apt-cache on that state.
apt_private()
{
    local suite=$1 program=$2 state=$DMASHARE_CACHE/apt/$1
    shift 2
    "$program" \
        -o Dir::Etc::SourceList="$state/sources.list" \
        -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null \
        -o Dir::Etc::PreferencesParts=/dev/null \
        -o Dir::State="$state/state" \
        -o Dir::State::Lists="$state/lists" \
        -o Dir::State::status="$state/status" \
        -o Dir::Cache="$state/cache" \
        -o Dir::Log="$state/log" \
        -o APT::Update::Error-Mode=any \
        -o APT::Update::Post-Invoke-Success::= \
        -o Acquire::Languages=none \
        -o Acquire::Retries=2 \
        -o Acquire::http::Timeout=30 \
        -o Acquire::https::Timeout=30 \
        -o APT::Sandbox::User="$(id -un)" \
        "$@"
}

# Why apt failed, in a few words: what it says of a transfer comes before what
# it concludes from that.
apt_why()
{
    { grep -E '^(W|E): Failed to fetch|^ +(Temporary|Could not|Connection)' "$1"
      grep -E '^E: ' "$1"; echo 'no reason given'; } |
        sed -n '1{s/^[WE]: *//;s/^ *//;s/  */ /g;p}' | cut -c1-160
}

# apt_private_update SUITE [force]
apt_private_update()
{
    local suite=$1 state=$DMASHARE_CACHE/apt/$1 mirror keyring arch
    make_dir "$state/lists/partial" "$state/cache/archives/partial" \
        "$state/state" "$state/log"
    if [ -z "${2:-}" ] && [ -n "$(find "$state/stamp" -mmin \
        "-$APT_LISTS_MAX_AGE" 2>/dev/null)" ]; then
        return
    fi
    need_space "$state" 200 "the package lists of $suite"
    (
        flock 9
        mirror=$(apt_mirror) || exit 1
        keyring=$(apt_keyring) || exit 1
        : >"$state/status"
        arch=$(dpkg --print-architecture)
        printf '%s [arch=%s signed-by=%s] %s %s main\n' \
            deb "$arch" "$keyring" "$mirror" "$suite" \
            deb-src "$arch" "$keyring" "$mirror" "$suite" \
            >"$state/sources.list"
        say "apt: reading the package lists of $suite (private state, the system's is untouched)"
        if ! apt_private "$suite" apt-get update >"$state/update.log" 2>&1; then
            rm -f "$state/stamp"
            die "cannot reach the Debian archive for $suite: check the network," \
                "or name a mirror with DMASHARE_MIRROR=URL" \
                "($(apt_why "$state/update.log"); log: $state/update.log)"
        fi
        touch "$state/stamp"
    ) 9>"$state/lock" || exit 1
}

apt_newest_source()
{
    local suite=$1 package=$2 series=$3
    apt_private "$suite" apt-cache showsrc --only-source "$package" 2>/dev/null |
        sed -n 's/^Version: //p' |
        awk -v s="$series" '{ v = $0; sub(/^[0-9]+:/, "", v) }
            s == "" || index(v, s ".") == 1 || index(v, s "+") == 1 || \
            index(v, s "-") == 1 || index(v, s "~") == 1 || v == s' |
        sort -V | tail -n 1
}

apt_newest_deb()
{
    apt_private "$1" apt-cache show --no-all-versions "$2" 2>/dev/null |
        sed -n 's/^Version: //p' | head -n 1
}

apt_deb_depends()
{
    apt_private "$1" apt-cache depends --no-recommends --no-suggests \
        --no-conflicts --no-breaks --no-replaces --no-enhances "$2" 2>/dev/null |
        sed -n 's/^ *|\{0,1\}Depends: //p'
}

apt_fetch_source()
{
    local suite=$1 package=$2 series=$3 version dir log
    apt_private_update "$suite"
    version=$(apt_newest_source "$suite" "$package" "$series")
    if [ -z "$version" ]; then
        apt_private_update "$suite" force
        version=$(apt_newest_source "$suite" "$package" "$series")
    fi
    [ -n "$version" ] ||
        die "$suite has no source package $package $series; it has:" \
            "$(apt_newest_source "$suite" "$package" "")." \
            "Name a source tree of your own (QEMU: -Dqemu_src=, kernel: KERNEL=)"
    dir=$DMASHARE_CACHE/sources
    log=$DMASHARE_CACHE/apt/$suite/source-$package.log
    make_dir "$dir"
    (
        flock 9
        cd "$dir" || exit 1
        apt_private "$suite" apt-get source --download-only \
            "$package=$version" >"$log" 2>&1
    ) 9>"$dir/.lock" ||
        die "cannot download the source of $package $version: check the" \
            "network and the free space in $dir ($(apt_why "$log"); log: $log)"
    printf '%s/%s_%s.dsc\n' "$dir" "$package" "${version#*:}"
}

apt_fetch_deb()
{
    local suite=$1 package version file dir log
    shift
    apt_private_update "$suite"
    dir=$DMASHARE_CACHE/debs
    log=$DMASHARE_CACHE/apt/$suite/download.log
    make_dir "$dir"
    for package in "$@"; do
        version=$(apt_newest_deb "$suite" "$package")
        [ -n "$version" ] || die "$suite has no package $package"
        file=$(apt_private "$suite" apt-cache show "$package=$version" |
            sed -n 's/^Filename: //p' | head -n 1)
        # apt-get download writes an epoch's colon as %3a
        file=${package}_${version//:/%3a}_$(sed 's/.*_//' <<<"$file")
        (
            flock 9
            [ -e "$dir/$file" ] && exit 0
            cd "$dir" || exit 1
            say "apt: downloading $package $version of $suite"
            apt_private "$suite" apt-get download "$package=$version" \
                >"$log" 2>&1
        ) 9>"$dir/.lock" ||
            die "cannot download $package $version of $suite: check the" \
                "network and the free space in $dir ($(apt_why "$log"); log: $log)"
        [ -e "$dir/$file" ] || die "$dir/$file did not arrive (log: $log)"
        printf '%s/%s\n' "$dir" "$file"
    done
}

apt_unpack_deb()
{
    local deb=$1 dir=$2
    make_dir "$dir"
    dpkg-deb -x "$deb" "$dir" ||
        die "cannot unpack $deb into $dir: check the free space there"
}
