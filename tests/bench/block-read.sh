#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: the table of block.sh from its log, its counts and the guest's list of functions. An address of 0xffff8... is
# the hypervisor's. A function of the guest's kernel belongs to the disk's front end, to event channels or to the other
# paravirtualised code if its name or its module says so. What lies where modules do, and in none of the guest's, is
# dom0's. The steps of instructions that copy or fill are a column of their own, whosoever they are.
# usage: block-read.sh COUNTS; FUNCTIONS=N shows the N functions as well that take most in each operation
set -u
export LC_ALL=C
counts=${1:-} wirt=${BUILD:-$(dirname "$0")/../../build}/hypervisor/wirt.elf
[ -e "$counts.map" ] || { echo "block-read.sh: no list of functions $counts.map: block.sh makes it" >&2 && exit 1; }
front='^_*(blkif|blkfront|gnttab|xenbus|get_grant|get_indirect_grant|kick_pending_request_queues)'
front+='|_grant_|id_(to|from)_freelist'
events='evtchn|dynirq|lateeoi|irq_for_port'
events+='|^_*(info_for_irq|event_handler|event_word|notify_remote|xen_send_IPI|xen_poll)'
pv='^(__raw_callee_save_)?_*(xen|paravirt|check_events|hypercall_page|asm_xen|arbitrary_virt|drop_mm_ref'
pv+='|get_phys_to|mfn_to_|pvclock)'

# The functions of guest and hypervisor as "address symbol name [module]", then the counts.
sources() {
    awk '{ print $1, "symbol", $3, $4 }' "$counts.map"
    case $counts in *block.wirt-*) nm "$wirt" | awk '$2 ~ /[tTwW]/ { print $1, "symbol", $3 }' ;; esac
    cat "$1"
}
# "place function instructions" of each block, in the order of addresses.
placed() {
    sources "$1" | sort -k1,1 -s | awk -v front="$front" -v events="$events" -v pv="$pv" '
        BEGIN { name = "?" }
        $2 == "symbol" { name = $3; is_module = NF == 4; next }
        $4 == "step" { print "copying", $1 ~ /^ffffffff/ && $3 == "dom0" ? "dom0" : name, $2; next }
        $1 !~ /^ffff/ { print "programs", "?", $2; next }
        $1 !~ /^ffffffff/ { print "hypervisor", name, $2; next }
        $3 == "dom0" || $1 >= "ffffffffc0000000" && !is_module { print "dom0", "?", $2; next }
        { place = is_module || name ~ front ? "front" : name ~ events ? "events" : name ~ pv ? "pv" : "kernel"
            print place, name, $2 }'
}
columns='hypervisor pv events front kernel dom0 programs copying'
# shellcheck disable=SC2086
printf '%-10s %10s %10s %10s %10s %10s %10s %10s %10s\n' operation $columns
sed -n 's/.*BLOCK \([0-9]\) \([a-z0-9-]*\) \([0-9]*\).*/\1 \2 \3/p' "$counts.log" | while read -r n name times; do
    placed "$counts.$n" | awk -v name="$name" -v times="$times" -v columns="$columns" -v most="${FUNCTIONS:-0}" '
        { sum[$1] += $3; of[$1 " " $2] += $3 }
        END { n = split(columns, column, " "); printf "%-10s", name
            for (i = 1; i <= n; i++) printf " %10.0f", sum[column[i]] / times
            print ""; fflush()
            show = "sort -rn | head -n " most
            for (f in of) if (most && f !~ /[?]$/) printf "    %10.1f %s\n", of[f] / times, f | show }'
done
