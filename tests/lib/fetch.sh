#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: fetches a Debian package once, as any user, and unpacks it under build/cache without
# installing anything. `fetch.sh linux` leaves build/cache/linux/{vmlinuz,config,modules,release},
# `fetch.sh xen` leaves build/cache/xen/hypervisor.gz. What is there already is never fetched again.
. "$(dirname "$0")/common.sh"

# download PACKAGE DIR: with the system's package lists, or else with lists of our own.
download() {
    local package=$1 dir=$2 own=$cache/apt
    local sandbox=()
    [ "$(id -u)" -eq 0 ] && sandbox=(-o APT::Sandbox::User=root)
    (cd "$dir" && apt-get "${sandbox[@]}" download -q "$package" >&2) && return 0
    say "fetching the package lists into build/cache/apt"
    mkdir -p "$own/lists/partial" "$own/archives/partial"
    local private=(-o "Dir::State::lists=$own/lists" -o "Dir::Cache=$own" "${sandbox[@]}")
    apt-get "${private[@]}" update -q >&2 &&
        (cd "$dir" && apt-get "${private[@]}" download -q "$package" >&2)
}

# unpack PACKAGE DIR: into DIR.part first, so that an interrupted run leaves nothing that looks whole.
unpack() {
    local package=$1 dir=$2
    say "fetching $package (once; it stays in build/cache)"
    rm -rf "$dir" "$dir.part"
    mkdir -p "$dir.part/root"
    download "$package" "$dir.part" ||
        die "apt-get could not download $package: is a Debian 12 mirror configured and reachable?"
    dpkg-deb -x "$dir.part/$package"_*.deb "$dir.part/root" || die "dpkg-deb could not unpack $package"
    rm "$dir.part/$package"_*.deb
}

# newest_kernel: what linux-image-amd64 depends on, e.g. linux-image-6.1.0-56-amd64.
newest_kernel() {
    apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
}

fetch_linux() {
    local dir=$cache/linux package release
    [ -e "$dir/release" ] && return 0
    package=$(newest_kernel)
    if [ -z "$package" ]; then
        mkdir -p "$cache/meta"
        download linux-image-amd64 "$cache/meta" || die "apt-get knows no linux-image-amd64"
        package=$(dpkg-deb -f "$cache/meta"/linux-image-amd64_*.deb Depends | sed 's/[ ,(].*//')
    fi
    unpack "$package" "$dir"
    release=${package#linux-image-}
    ln -s "root/boot/vmlinuz-$release" "$dir.part/vmlinuz"
    ln -s "root/boot/config-$release" "$dir.part/config"
    ln -s "root/lib/modules/$release" "$dir.part/modules"
    printf '%s\n' "$release" >"$dir.part/release"
    mv "$dir.part" "$dir"
}

fetch_xen() {
    local dir=$cache/xen
    [ -e "$dir/hypervisor.gz" ] && return 0
    unpack xen-hypervisor-4.17-amd64 "$dir"
    ln -s root/boot/xen-4.17-amd64.gz "$dir.part/hypervisor.gz"
    mv "$dir.part" "$dir"
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
for what in "$@"; do
    case $what in
    linux) fetch_linux ;;
    xen) fetch_xen ;;
    *) die "unknown package '$what': use linux or xen" ;;
    esac
done
