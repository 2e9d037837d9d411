#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: what each patch of guest-patches saves. Counts, by paths.sh, the operations of the kernels that `make -C
# guest-patches bisect KERNELS=count` left (before the first patch and after each), and prints for each patch the
# operations whose count it changed by half a percent or more, before and after, in the hypervisor, in paravirtualised
# code and in the rest of the kernel. What was counted stays in build/bench/patches; a kernel that is newer is counted
# again. usage: patches.sh wirt|xen [PATCH...]
. "$(dirname "$0")/../lib/common.sh"

hv=${1:-wirt}
shift $(($# > 0))
at=$build/guest-patches/bisect out=$build/bench/patches
[ -e "$at/start/vmlinuz-count" ] || die "no kernels to count in $at: make -C guest-patches bisect KERNELS=count builds them"
mkdir -p "$out"
before=
for dir in "$at"/start "$at"/[0-9]*; do
    name=${dir##*/}
    counts=$out/$hv.$name
    [ $# -eq 0 ] || [[ " $* " == *" ${name%%-*} "* ]] || continue
    if stale "$counts" "$dir/vmlinuz-count" "$(hypervisor_path "$hv")"; then
        say "$name: counting on $hv"
        "$top/tests/bench/paths.sh" "$hv" "$dir/vmlinuz-count" "$dir/System.map-count" >"$counts.part" ||
            die "$name was not counted; see $build/bench/paths/$hv.log"
        mv "$counts.part" "$counts"
    fi
    [ -z "$before" ] || awk -v name="$name" '
        FNR == 1 { next }
        NR == FNR { for (i = 2; i <= 4; i++) was[$1, i] = $i; next }
        {
            old = was[$1, 2] + was[$1, 3] + was[$1, 4]; now = $2 + $3 + $4
            if (old && (now - old) / old < 0.005 && (old - now) / old < 0.005) next
            if (!said++) printf "%s\n  %-14s %22s %22s %22s %22s\n", name, "", "hypervisor", "pv code", "kernel", "all"
            printf "  %-14s", $1
            for (i = 2; i <= 4; i++) printf " %22s", sprintf("%.0f -> %.0f", was[$1, i], $i)
            printf " %22s\n", sprintf("%.0f -> %.0f", old, now)
        }
        END { if (!said) printf "%s\n  no operation by half a percent\n", name }' "$before" "$counts"
    before=$counts
done
