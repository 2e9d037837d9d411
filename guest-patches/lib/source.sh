#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Theory: makes the patched source tree, build/guest-patches/src: fetches Debian's linux-source-6.1 once, verifies it,
# unpacks it and applies the series with quilt. A later run pops only to the first patch that changed, so that what is
# built stays built. The tree knows what it is made of: .package (version and sum), .applied (sums and patches).
# With files as arguments only these are unpacked, into DIR, and nothing is applied: for the checks.
# usage: source.sh [DIR FILE...]
. "$(dirname "$0")/series.sh"

tree=$out/src

# package_verify: sets deb and version, or says in one line what is wrong with the package.
package_verify() {
    local sum known want
    deb=${SOURCE:-$(echo "$cache"/linux-source/*.deb)}
    [ -f "$deb" ] || die "no package $deb: SOURCE= names a file that is not there"
    version=$(dpkg-deb -f "$deb" Version 2>/dev/null)
    case $(dpkg-deb -f "$deb" Package 2>/dev/null):$version in
    linux-source-6.1:6.1.*) ;;
    *) die "$deb is no linux-source-6.1 of version 6.1.y: remove it and run make again" ;;
    esac
    sum=$(sha256sum <"$deb") && sum=${sum%% *}
    known=$(awk -v v="$version" '$1 == v { print $2 }' "$patches/packages")
    # What apt checked against the signed lists when it was fetched.
    [ -n "${SOURCE-}" ] || want=$(cut -d ' ' -f 1 "$cache/linux-source/sha256")
    want=${known:-${want-}}
    [ -n "$want" ] || die "$deb: no sum of $version is known: add it to ${patches#"$top"/}/packages"
    [ "$sum" = "$want" ] ||
        die "$deb is not what it was: its SHA-256 is $sum, that of $version is $want: remove it and run make again"
    [ -n "$known" ] || say "linux-source-6.1 is $version, which the series was not tried with yet"
}

# unpack DIR [FILE...]
unpack() {
    local dir=$1
    shift
    mkdir -p "$dir"
    # Half a gigabyte of graphics registers is left out.
    dpkg-deb --fsys-tarfile "$deb" | tar -xO ./usr/src/linux-source-6.1.tar.xz |
        tar -xJ -C "$dir" --strip-components 1 --exclude '*/amd/include/asic_reg/*' "${@/#/linux-source-6.1/}" 2>"$out/tar.log" ||
        [ $# -gt 0 ] || die "linux-source-6.1 $version does not unpack into $dir: $(tail -n 1 "$out/tar.log")"
}

mkdir -p "$out"
exec 8>"$out/lock"
flock 8
[ -n "${SOURCE-}" ] || "$top/tests/lib/fetch.sh" source || exit 1
if [ $# -gt 1 ]; then
    package_verify
    unpack "$@"
    exit 0
fi
if [ ! -e "$tree/.package" ]; then
    package_verify
    space_for 1400 "the source of Linux"
    say "unpacking linux-source-6.1 $version (once)"
    rm -rf "$tree" "$tree.part"
    unpack "$tree.part"
    echo "$version $deb" >"$tree.part/.package"
    mv "$tree.part" "$tree"
fi
series_apply "$tree"
