#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: makes dom0's initramfs from busybox, the jobs in this folder, modules of the fetched kernel,
# the benchmark's meter, the reader of the hypervisor's log and those of our tools that are built, each
# with the libraries it needs. The same inputs give the same bytes: sorted names, no dates, no owners.
# Needs neither root nor network.
# usage: build.sh OUTPUT
. "$(dirname "$0")/../../tests/lib/common.sh"

out=${1:-$build/dom0/initrd.img}
here=$top/dom0-tools/initramfs
kernel=$cache/linux/modules/kernel
stage=$build/dom0/stage
meter=$build/bench/microbench

# field MODULE-FILE KEY: the values of one key in a module's information section.
field() { tr '\0' '\n' <"$1" | sed -n "s/^$2=//p"; }

declare -A file_of
index_modules() {
    local path name
    while read -r path; do
        name=${path##*/}
        file_of[${name%.ko}]=$path
        name=${name//-/_}
        file_of[${name%.ko}]=$path
    done < <(find -L "$kernel" -name '*.ko')
}

declare -A seen
order=
# add_module NAME: appends the module to `order`, after everything that it needs.
add_module() {
    local name=$1 dep path=${file_of[$1]-}
    [ -n "${seen[$name]-}" ] && return 0
    seen[$name]=1
    [ -n "$path" ] || die "the kernel has no module $name"
    for dep in $(field "$path" depends | tr ',' ' '); do add_module "$dep"; done
    order="$order $name"
    [ -e "$stage/lib/modules/$name.ko" ] || cp "$path" "$stage/lib/modules/$name.ko"
}

# /lib/modules/load: "module its-insmod-order"; /lib/modules/driver: a function that names the module
# for a device, as one case statement, because a shell reads lines of a file slowly.
stage_modules() {
    local name first alias path
    index_modules
    mkdir -p "$stage/lib/modules"
    echo 'driver() { case $1 in' >"$stage/lib/modules/driver"
    while IFS=: read -r name first; do
        case $name in '' | '#'*) continue ;; esac
        seen=() order=
        for path in $first $name; do add_module "$path"; done
        printf '%s%s\n' "$name" "$order" >>"$stage/lib/modules/load"
        path=${file_of[$name]}
        for alias in $(field "$path" alias | grep -E '^(pci|virtio|scsi):'); do
            printf '%s) echo %s ;;\n' "$alias" "$name" >>"$stage/lib/modules/driver"
        done
    done <"$here/modules"
    echo 'esac; }' >>"$stage/lib/modules/driver"
}

# stage_program FILE DIR: copies a program and the shared libraries that it is linked with.
stage_program() {
    local library
    install -D -m 755 "$1" "$stage$2/$(basename "$1")"
    for library in $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do
        [ -e "$stage$library" ] || install -D -m 755 "$library" "$stage$library"
    done
}

stage_meter() {
    local source=$top/tests/bench/microbench.c
    if stale "$meter" "$source"; then
        mkdir -p "$(dirname "$meter")"
        gcc -O2 -static -o "$meter" "$source" || die "the benchmark's meter does not compile"
    fi
    install -D -m 755 "$meter" "$stage/bin/microbench"
    stage_program /bin/true /bin
}

stage_readlog() {
    local program=$build/boot/readlog source=$here/readlog.c
    if stale "$program" "$source"; then
        mkdir -p "$(dirname "$program")"
        gcc -O2 -Wall -Wextra -Werror -o "$program" "$source" || die "readlog does not compile"
    fi
    stage_program "$program" /usr/sbin
}

[ -d "$kernel" ] || die "no kernel in build/cache: run tests/lib/fetch.sh linux"
rm -rf "$stage"
mkdir -p "$stage"/{bin,dev,etc,proc,run,sys,tmp,mnt,jobs,root,usr/sbin}
ln -s bin "$stage/sbin"
install -m 755 /usr/bin/busybox "$stage/bin/busybox"
while read -r applet; do
    ln -s busybox "$stage/bin/$applet"
done < <(/usr/bin/busybox --list | grep -vxE 'busybox|true')
install -m 755 "$here/init" "$stage/init"
install -m 755 "$here"/jobs/* "$stage/jobs/"
stage_modules
stage_meter
stage_readlog
for tool in "$build"/dom0-tools/bin/*; do
    [ -x "$tool" ] && stage_program "$tool" /usr/sbin
done
find "$stage" -exec touch -h -d @0 {} +
mkdir -p "$(dirname "$out")"
# lz4 (the old format, which kernels read) is what a kernel unpacks with the fewest instructions.
set -o pipefail
(cd "$stage" && find . -mindepth 1 -printf '%P\n' | sort |
    cpio --quiet -o -H newc --reproducible -R 0:0) | lz4 -q -l -9 -c >"$out.part" || die "cpio failed"
mv "$out.part" "$out"
say "initramfs: $(stat -c %s "$out") bytes"
