#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: makes dom0's initramfs from busybox, the jobs in this folder, modules of the fetched kernel,
# the benchmark's meter and the reader of the hypervisor's log. What dom0 needs to run other domains is
# an archive of its own (tools.sh), so that this one stays small. Needs neither root nor network.
# usage: build.sh OUTPUT
. "$(dirname "$0")/stage.sh"

out=${1:-$build/dom0/initrd.img}
stage=$build/dom0/stage
meter=$build/bench/microbench

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

rm -rf "$stage"
mkdir -p "$stage"/{jobs,usr/sbin}
stage_busybox
install -m 755 "$here/init" "$stage/init"
install -m 755 "$here"/jobs/* "$stage/jobs/"
stage_modules "$cache/linux/modules/kernel" "$here/modules" ''
stage_meter
stage_readlog
pack "$out"
say "initramfs: $(stat -c %s "$out") bytes"
