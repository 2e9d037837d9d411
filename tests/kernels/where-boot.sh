#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: what a guest's kernel costs from its first instruction to the first of its init, as PV: instructions of
# everything that ran on the one CPU of the machine meanwhile, told apart as the guest's kernel, the hypervisor and
# dom0. A plugin in QEMU counts (tests/bench/where.c); nothing in the guest is changed; its init is init.S, alone in its
# initramfs. usage: where-boot.sh wirt|xen KERNEL [MIB [CMDLINE]], KERNEL: micro, server, cloud (Debian's)
. "$(dirname "$0")/../lib/common.sh"
. "$top/tests/lib/guest-kernel.sh"

hv=${1:-wirt} name=${2:-micro} memory=${3:-128} words=${4:-console=hvc0 quiet}
here=$top/tests/kernels out=$build/bench
counts=$out/where-boot.$hv-$name
mkdir -p "$out"
guest_kernel "$name"
work=$(mktemp -d "${TMPDIR:-/tmp}/wirt-where.XXXXXX")
trap 'rm -rf "$work"' EXIT
gcc -nostdlib -static -Wl,-Ttext=0x7000000 -Wl,--build-id=none -o "$work/init" "$here/init.S" || die "init.S does not link"
(cd "$work" && echo init | cpio --quiet -o -H newc -R 0:0) | lz4 -q -l -9 -c >"$work/tiny.img"
cp "$image" "$work/kernel"
printf '%s\n' "$memory" >"$work/memory"
printf '%s\n' "$words" >"$work/words"
gcc -shared -fPIC -O2 -Wall -Werror -Wno-unused-parameter -o "$out/where.so" "$top/tests/bench/where.c" \
    -Wl,--unresolved-symbols=ignore-all || die "the plugin does not compile"
store=wirt tool=wirt
[ "$hv" = wirt ] || { store=debian tool=xl; }
rm -f "$counts"
"$top/tests/boot/run-dom0" --hv "$hv" --store "$store" --toolstack "$tool" --smp 1 --memory 1024 --dom0 512 \
    --cpu qemu64,+svm,+npt,+invtsc --icount on --timeout 1800 --file "$work/kernel" --file "$work/tiny.img" \
    --file "$work/memory" --file "$work/words" --qemu "-plugin $out/where.so,from=$entry,to=0x7000000,out=$counts" \
    --log "$counts.log" "$here/where-dom0.sh" >&2
[ -s "$counts" ] || die "init was not reached; see $counts.log"
echo "$name on $hv, first instruction to init, millions:"
awk '{ kernel = $1 ~ /^ffffffff/; place = $1 ~ /^ffff8/ ? "hypervisor" : kernel ? $3 "'\''s kernel" : "programs"
        sum[place] += $2; all += $2; if (kernel && $3 == "guest") hot[substr($1, 1, 13) "000"] += $2 }
    END { for (p in sum) printf "%12.1f  %s\n", sum[p] / 1e6, p; printf "%12.1f  all\n", all / 1e6
        for (p in hot) printf "%12.1f  of these in 4 KiB of the guest'\''s kernel at %s\n", hot[p] / 1e6, p }' "$counts" |
    sort -rn | head -n "${LINES_SHOWN:-12}"
