#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: where a request of a PV guest's disk goes: boots dom0 and one guest of the kernel KERNEL, on one CPU, with
# block.c as the guest's only program and a file in dom0's memory as its disk, and counts by the plugin where.c what is
# executed for each operation. block-read.sh makes the table: one line an operation; FUNCTIONS=N adds the N functions
# that take most. usage: block.sh wirt|xen KERNEL, KERNEL: micro, server (ours), cloud (Debian's)
. "$(dirname "$0")/../lib/common.sh"
. "$top/tests/lib/guest-kernel.sh"

hv=${1:-wirt} name=${2:-micro}
here=$top/tests/bench out=$build/bench
counts=$out/block.$hv-$name
case $hv in
wirt) store=wirt tool=wirt ;;
xen) store=debian tool=xl ;;
*) die "unknown hypervisor '$hv': use wirt or xen" ;;
esac
mkdir -p "$out"
guest_kernel "$name"
work=$(mktemp -d "${TMPDIR:-/tmp}/wirt-block.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/stage"
gcc -O2 -static -no-pie -Wl,-Ttext-segment=0x7100000 -Wall -Wextra -Werror -o "$work/stage/init" "$here/block.c" ||
    die "block.c does not compile"
mark=$(nm "$work/stage/init" | awk '$3 == "mark" { print "0x" $1 }')
[ "$name" != cloud ] || cp "$cache/cloud/modules/kernel/drivers/block/xen-blkfront.ko" "$work/stage/" ||
    die "Debian's cloud kernel has no xen-blkfront.ko in $cache/cloud/modules"
(cd "$work/stage" && find . -mindepth 1 -printf '%P\n' | cpio --quiet -o -H newc -R 0:0) | gzip -9 >"$work/block.cpio"
cp "$image" "$work/kernel"
gcc -shared -fPIC -O2 -Wall -Werror -Wno-unused-parameter -o "$out/where.so" "$here/where.c" \
    -Wl,--unresolved-symbols=ignore-all || die "the plugin does not compile"
rm -f "$counts".[0-9] "$counts.map"
"$top/tests/boot/run-dom0" --hv "$hv" --store "$store" --toolstack "$tool" --smp 1 --memory 1024 --dom0 512 \
    --cpu qemu64,+svm,+npt,+invtsc --icount on --timeout "${TIMEOUT:-1800}" --file "$work/kernel" \
    --file "$work/block.cpio" --qemu "-plugin $out/where.so,learn=$entry,from=$mark,to=$mark,times=3,out=$counts" \
    --log "$counts.log" "$here/block-dom0.sh" >&2
why=$(grep -ao 'BLOCK FAILED.*' "$counts.log" | tr -d '\r')
grep -q 'BLOCK DONE' "$counts.log" ||
    die "not all operations were done: ${why:-the guest does not say why}; see $counts.log"
sed -n 's/.*DB64 //p' "$counts.log" | tr -d '\r' | base64 -d | gunzip >"$counts.map" ||
    die "the guest's list of functions did not arrive whole; see $counts.log"
"$here/block-read.sh" "$counts"
