#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: the table of paths.sh from its log and the plugin's files. An address of 0xffff8... is the hypervisor's; a symbol
# of the kernel counts as paravirtualised code if its name says so. usage: paths-read.sh SYSTEM.MAP LOG FILES
set -u
pv='^(__raw_callee_save_)?_*(xen|paravirt|check_events|hypercall_page|asm_xen|arbitrary_virt|drop_mm_ref|get_phys_to)'
printf '%-16s %12s %12s %12s %12s\n' operation hypervisor pv-code kernel program
sed -n 's/.*PATHS \([0-9]*\) \([a-z-]*\) \([0-9]*\).*/\1 \2 \3/p' "$2" | while read -r n name times; do
    { sed -n 's/^\(ffffffff[0-9a-f]*\) [tTwW] \(.*\)/\1 symbol \2/p' "$1"; cat "$3.$n"; } | sort -k1,1 -s |
        awk -v name="$name" -v times="$times" -v pv="$pv" '
            $2 == "symbol" { is_pv = $3 ~ pv; next }
            { place = $1 !~ /^ffff/ ? "program" : $1 !~ /^ffffffff/ ? "hypervisor" : is_pv ? "pv" : "kernel"; sum[place] += $2 }
            END { printf "%-16s %12.1f %12.1f %12.1f %12.1f\n", name, sum["hypervisor"] / times, sum["pv"] / times,
                sum["kernel"] / times, sum["program"] / times }'
done
