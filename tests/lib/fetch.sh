#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: fetches Debian packages once, as any user, and unpacks them under build/cache without installing
# anything. `fetch.sh linux` leaves build/cache/linux/{vmlinuz,config,modules,release}, `cloud` the same of the
# guests' kernel, `686` the same of 32-bit guests with a busybox for them, `xen` build/cache/xen/hypervisor.gz, `xl` the tree of Debian's own tools in build/cache/xl/root,
# `pvgrub` build/cache/pvgrub/grub-x86_64-xen.bin, and `source` the package with the source of Linux 6.1 in
# build/cache/linux-source, as it is, with its SHA-256. What is there already is never fetched again.
. "$(dirname "$0")/common.sh"

half=() # options of apt for another half of Debian than the machine's
# download PACKAGE DIR: with the system's package lists, or else with lists of our own.
download() {
    local package=$1 dir=$2 own=$cache/apt
    local sandbox=()
    [ "$(id -u)" -eq 0 ] && sandbox=(-o APT::Sandbox::User=root)
    [ ${#half[@]} -eq 0 ] || { (cd "$dir" && apt-get "${half[@]}" download -q "$package" >&2); return; }
    (cd "$dir" && apt-get "${sandbox[@]}" download -q "$package" >&2) && return 0
    say "fetching the package lists into build/cache/apt"
    mkdir -p "$own/lists/partial" "$own/archives/partial"
    local private=(-o "Dir::State::lists=$own/lists" -o "Dir::Cache=$own" "${sandbox[@]}")
    apt-get "${private[@]}" update -q >&2 &&
        (cd "$dir" && apt-get "${private[@]}" download -q "$package" >&2)
}

# unpack DIR PACKAGE...: into DIR.part first, so that an interrupted run leaves nothing that looks whole.
unpack() {
    local dir=$1 package
    shift
    rm -rf "$dir" "$dir.part"
    mkdir -p "$dir.part/root"
    for package in "$@"; do
        say "fetching $package (once; it stays in build/cache)"
        download "$package" "$dir.part" ||
            die "apt-get could not download $package: is a Debian 12 mirror configured and reachable?"
        dpkg-deb -x "$dir.part/$package"_*.deb "$dir.part/root" || die "dpkg-deb could not unpack $package"
        rm "$dir.part/$package"_*.deb
    done
}

# newest_kernel META: what a package such as linux-image-amd64 depends on, e.g. linux-image-6.1.0-56-amd64.
newest_kernel() {
    apt-cache depends "$1" 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
}

# fetch_kernel META DIR
fetch_kernel() {
    local meta=$1 dir=$2 package release
    [ -e "$dir/release" ] && return 0
    package=$(newest_kernel "$meta")
    if [ -z "$package" ]; then
        mkdir -p "$cache/meta"
        download "$meta" "$cache/meta" || die "apt-get knows no $meta"
        package=$(dpkg-deb -f "$cache/meta/$meta"_*.deb Depends | sed 's/[ ,(].*//')
    fi
    unpack "$dir" "$package"
    release=${package#linux-image-}
    ln -s "root/boot/vmlinuz-$release" "$dir.part/vmlinuz"
    ln -s "root/boot/config-$release" "$dir.part/config"
    ln -s "root/lib/modules/$release" "$dir.part/modules"
    printf '%s\n' "$release" >"$dir.part/release"
    mv "$dir.part" "$dir"
}

# The kernel of Debian's 32-bit half and a busybox for it, with package lists of that half alone: apt's own stay as they
# are, and so does the machine's set of architectures.
fetch_686() {
    local dir=$cache/686 own=$cache/apt-i386 package release
    [ -e "$dir/release" ] && return 0
    mkdir -p "$own/lists/partial" "$own/archives/partial"
    half=(-o APT::Architecture=i386 -o APT::Architectures=i386 -o Dir::State::status=/dev/null
        -o "Dir::State::lists=$own/lists" -o "Dir::Cache=$own" -o APT::Sandbox::User=root)
    say "fetching the package lists of i386 into build/cache/apt-i386"
    apt-get "${half[@]}" update -q >&2 || say "apt-get update failed in part; trying with the lists that came"
    package=$(apt-cache "${half[@]}" depends linux-image-686-pae 2>/dev/null |
        sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    [ -n "$package" ] || die "apt-get knows no linux-image-686-pae: has the configured mirror Debian's i386 half?"
    unpack "$dir" "$package" busybox-static
    release=${package#linux-image-}
    ln -s "root/boot/vmlinuz-$release" "$dir.part/vmlinuz"
    ln -s "root/lib/modules/$release" "$dir.part/modules"
    printf '%s\n' "$release" >"$dir.part/release"
    mv "$dir.part" "$dir"
    half=()
}

fetch_xen() {
    local dir=$cache/xen
    [ -e "$dir/hypervisor.gz" ] && return 0
    unpack "$dir" xen-hypervisor-4.17-amd64
    ln -s root/boot/xen-4.17-amd64.gz "$dir.part/hypervisor.gz"
    mv "$dir.part" "$dir"
}

# The programs of Debian's toolstack with the libraries that belong to it; other libraries are the host's.
fetch_xl() {
    local dir=$cache/xl
    [ -e "$dir/root" ] && return 0
    unpack "$dir" xen-utils-4.17 xen-utils-common xenstore-utils libxenmisc4.17 libxencall1 libxendevicemodel1 \
        libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxenhypfs1 libxenstore4 libxentoolcore1 libxentoollog1 \
        libyajl2 libext2fs2 libuuid1 libtinfo6 libncurses6
    mv "$dir.part" "$dir"
}

fetch_pvgrub() {
    local dir=$cache/pvgrub
    [ -e "$dir/root" ] && return 0
    unpack "$dir" grub-xen-host
    ln -s root/usr/lib/grub-xen/grub-x86_64-xen.bin "$dir.part/grub-x86_64-xen.bin"
    mv "$dir.part" "$dir"
}

# apt has checked the file against the signed lists; whoever uses it later checks it against the sum.
fetch_source() {
    local dir=$cache/linux-source
    [ -e "$dir/sha256" ] && return 0
    rm -rf "$dir" "$dir.part"
    mkdir -p "$dir.part"
    say "fetching linux-source-6.1 (once, 140 MB; it stays in build/cache)"
    download linux-source-6.1 "$dir.part" ||
        die "apt-get could not download linux-source-6.1: is a Debian 12 mirror configured and reachable?"
    (cd "$dir.part" && sha256sum linux-source-6.1_*.deb >sha256) || die "there is no linux-source-6.1 in $dir.part"
    mv "$dir.part" "$dir"
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
for what in "$@"; do
    case $what in
    linux) fetch_kernel linux-image-amd64 "$cache/linux" ;;
    686) fetch_686 ;;
    cloud) fetch_kernel linux-image-cloud-amd64 "$cache/cloud" ;;
    xen) fetch_xen ;;
    xl) fetch_xl ;;
    pvgrub) fetch_pvgrub ;;
    source) fetch_source ;;
    *) die "unknown package '$what': use linux, cloud, 686, xen, xl, pvgrub or source" ;;
    esac
done
