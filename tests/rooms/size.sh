#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: how big the hypervisor is, in code lines by room (non-blank, non-comment; .c .h .S) and in bytes, against what
# docs/HOUSE.md allows. The trusted core is everything but boot/ (freed before dom0 runs) and include/public (the ABI).
# Usage: size.sh HYPERVISOR OBJECTS PAGE   writes the page, says the totals
#        size.sh --check HYPERVISOR        only the verdict, for check.sh
set -u
export LC_ALL=C
LIMIT_PV=14600 # without hvm/ and what call/ has only for it
LIMIT=18000
here=$(cd "$(dirname "$0")" && pwd)

count() {
    (cd "$1" && find . \( -name '*.c' -o -name '*.h' -o -name '*.S' \) -printf '%P\n' | sort |
        xargs awk -f "$here/size.awk")
}
total() { printf '%s\n' "$counts" | awk -F'\t' -v k="$1" '$1 == "total" && $2 == k { print $3 }'; }

if [ "$1" = --check ]; then
    counts=$(count "$2")
    core=$(total core) pv=$(total pv)
    [ "$pv" -gt 0 ] && [ "$pv" -le $LIMIT_PV ] && [ "$core" -le $LIMIT ] && exit 0
    echo "the trusted core has $core code lines, $pv of them without hardware assist; $LIMIT and $LIMIT_PV are allowed"
    exit 1
fi

hv=$1 objects=$2 page=$3
counts=$(count "$hv")
core=$(total core) pv=$(total pv) boot=$(total boot) freed=$(total freed)
over=$((pv > LIMIT_PV ? pv - LIMIT_PV : core > LIMIT ? core - LIMIT : 0))

room_row() { # room, what it holds, target
    printf '%s\n' "$counts" | awk -F'\t' -v r="$1" -v what="$2" -v target="$3" '
        $1 == "room" && $2 == r { n = $3 }
        $1 == "init" && $2 == r { init = $3 }
        END { printf "| %s | %s | %d | %s | %s |\n", r, what, n, r ~ /^(boot|include)/ ? "—" : init + 0, target }'
}
section() { # name(s): bytes of sections of wirt.elf
    size -A -d "$objects/wirt.elf" | awk -v names=" $* " 'index(names, " " $1 " ") { n += $2 } END { print n + 0 }'
}
largest() { # kind, how many
    printf '%s\n' "$counts" | awk -F'\t' -v k="$1" -v OFS='\t' '
        $1 == k && $2 !~ /^include\// { print $3, $2 }' | sort -k1,1nr -k2 | head -n "$2"
}

{
    cat <<END
<!-- SPDX-License-Identifier: MIT -->
<!-- Written by \`make size\` (tests/rooms/size.sh). Do not edit. -->
# How big Wirt is

Code lines are lines that are neither blank nor comment, of \`.c\`, \`.h\` and \`.S\` files. The trusted core is what stays in
memory and can be reached by a guest: \`hypervisor/\` without \`boot/\`, which is freed before dom0 runs, and without
\`include/public\`, which is the ABI's text.

**Trusted core: $core code lines.** The limit is $LIMIT. Without hardware assist (\`hvm/\` and the two
files of \`call/\` that are only for it) it is $pv; the limit of that is $LIMIT_PV. $([ $over -gt 0 ] && echo "It is over the limit by $over.")
Of these lines $freed stand in functions that are freed after boot (\`__init\`) although their room stays: what is left at
run time is $((core - freed)). Boot, apart: $boot.

| room | holds | code lines | of them freed after boot | target of the design |
| --- | --- | ---: | ---: | ---: |
END
    room_row lib "pure functions" 900
    room_row hw "the machine" 3300
    room_row core "frames, locks, timers, scheduler, console" 2000
    room_row dom "domains, vCPUs, page counters, event channels" 2600
    room_row pv "the paravirtual way to run" 2700
    room_row hvm "the hardware-assisted way to run (AMD so far)" 3150
    room_row call "the ABI: decode, check, one call down" 2100
    printf '| **trusted core** | | **%d** | %d | **%d** |\n' "$core" "$freed" $LIMIT
    room_row boot "bring-up, the birth of dom0; freed but for boot_finish()" 1300
    room_row boot/decompress "unpacking kernels: frames of zlib, zstd and lz4, an own xz decoder" "—"
    room_row include/public "the ABI" "—"
    cat <<END

## Bytes

| part | bytes |
| --- | ---: |
| \`wirt.gz\` (what GRUB loads) | $(stat -c %s "$objects/wirt.gz") |
| text, stays | $(section .text) |
| read-only data (with what is sealed after boot) | $(section .rodata .sealed) |
| data | $(section .data) |
| bss (per-CPU copies and frame table are allocated, and reported in the boot log) | $(section .bss) |
| symbol table for backtraces | $(section .symbols) |
| boot-only code and data, freed before dom0 runs | $(section .init) |

## The largest files

| code lines | file |
| ---: | --- |
END
    largest file 12 | awk -F'\t' '{ printf "| %d | `%s` |\n", $1, $2 }'
    cat <<END

## The longest functions

No function has more than 60 lines (\`make rooms\` checks that); these come closest.

| code lines | file | function |
| ---: | --- | --- |
END
    largest function 12 | awk -F'\t' '{ split($2, p, " "); printf "| %d | `%s` | `%s` |\n", $1, p[1], p[2] }'
} >"$page.new" && mv "$page.new" "$page"

echo "trusted core: $core code lines of $LIMIT allowed, $pv of $LIMIT_PV without hardware assist, $freed of them freed after boot; boot: $boot; wirt.gz: $(stat -c %s "$objects/wirt.gz") bytes"
echo "written: $page"
[ $over -eq 0 ] || echo "OVER THE LIMIT by $over code lines"
