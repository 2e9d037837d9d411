#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: runs every check of the house over one tree, and over the whole repository that of how long files are; lets
# tally.awk count. Each check prints one line per thing that it looked at: "kind TAB subject TAB verdict", where the verdict is "ok" or a sentence that says what is wrong.
# Exceptions are subjects in exceptions.txt, each with its reason; one that excuses nothing is a failure itself.
# Usage: check.sh HYPERVISOR OBJECTS DOCS. Reads only; what it writes goes to OBJECTS/rooms.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
hv=$(cd "$1" && pwd) && objects=$(cd "$2" && pwd) && docs=$(cd "$3" && pwd) || exit 1
work=$objects/rooms
tab=$(printf '\t')
mkdir -p "$work"
cd "$hv" || exit 1

sources=$(find . \( -name '*.c' -o -name '*.h' -o -name '*.S' \) -printf '%P\n' | sort)
code=$(echo "$sources" | grep -v '^include/')

# Objects of our own sources: foreign libraries, which only boot/decompress may call, are not rooms.
# shellcheck disable=SC2086
list_objects() {
    for f in $code; do
        case $f in
        *.h | pv/offsets.c) ;;
        *.c) echo "$objects/${f%.c}.o" ;;
        *.S) echo "$objects/$f.o" ;;
        esac
    done
}

# nm's output as "file TAB letter TAB symbol".
symbols() {
    for o in $(list_objects); do
        [ -f "$o" ] || echo "rooms: $o is missing: build the hypervisor first" >&2
    done
    # shellcheck disable=SC2046
    nm -A -g $(list_objects) | sed -e "s|^$objects/||" -e 's|\.S\.o:|.S:|' -e 's|\.o:|.c:|' |
        awk '{ file = $1; sub(/:.*/, "", file); print file "\t" $(NF - 1) "\t" $NF }'
}

# The compiler's flags as the hypervisor's own Makefile has them.
flags() {
    make -s --no-print-directory -C "$hv" O="$objects" \
        --eval='rooms-flags: ; @echo $(CPPFLAGS) $(CFLAGS)' rooms-flags
}

# The whole repository but what is built.
lengths() {
    root=$(dirname "$hv")
    find "$root" \( -path "$root/build" -o -path "$root/.git" -o -path "$objects" \) -prune -o -type f -print0 | sort -z |
        xargs -0 awk -v root="$root" -f "$here/length.awk"
}

alone() {
    flags=$(flags)
    echo "$sources" | grep '\.h$' | FLAGS=$flags WORK=$work xargs -P 2 -I{} sh -c '
        log=$WORK/alone.$(printf %s "{}" | tr / _)
        echo "#include \"{}\"" | eval "$CC $FLAGS -fsyntax-only -x c -" >"$log" 2>&1 && verdict=ok ||
            verdict="does not compile alone: $(grep -m 1 error: "$log" | sed "s/.*error: //")"
        rm -f "$log"
        printf "alone\t%s\t%s\n" "{}" "$verdict"'
}

# .clang-format decides how the sources look; it is looked for beside the directory of the sources.
format() {
    echo "$sources" | grep '\.[ch]$' >"$work/c-files"
    # shellcheck disable=SC2046
    clang-format --dry-run $(cat "$work/c-files") 2>&1 | sed -n 's/^\([^: ]*\):.*clang-format-violations.*/\1/p' |
        sort -u >"$work/misformatted"
    awk -v list="$work/misformatted" 'BEGIN { while ((getline f < list) > 0) bad[f] }
        { printf "format\t%s\t%s\n", $0, ($0 in bad) ? "clang-format would write it otherwise" : "ok" }' "$work/c-files"
}

{
    # shellcheck disable=SC2086
    awk -f "$here/rank.awk" -f "$here/source.awk" $sources
    lengths
    # shellcheck disable=SC2086
    awk -f "$here/doors.awk" "$here/doors.txt" $(echo "$code" | grep '\.h$')
    symbols >"$work/symbols"
    grep -o '__HYPERVISOR_[a-z_0-9]*' include/public/xen.h | sed 's/__HYPERVISOR_//' | sort -u >"$work/hypercalls"
    awk -f "$here/rank.awk" -f "$here/symbols.awk" "$work/hypercalls" "$work/symbols" "$work/symbols"
    alone
    format
    # shellcheck disable=SC2046
    awk -f "$here/locks.awk" core/lock.h "$docs/LOCKS.md" $(echo "$code" | grep '\.c$')
    verdict=$(sh "$here/size.sh" --check "$hv") && verdict=ok
    printf 'size\tcore\t%s\n' "$verdict"
    for script in abi errors; do
        verdict=$(TREE=$hv DOCS=$docs sh "$docs/$script.sh" --check 2>&1) && verdict=ok
        printf 'docs\t%s\t%s\n' "$script" "$(printf %s "$verdict" | tr '\n\t' '  ' | cut -c 1-300)"
    done
} >"$work/verdicts"
[ -n "${WHY:-}" ] && sort "$work/verdicts" | sed "s/$tab/  /g"
awk -f "$here/tally.awk" "$here/exceptions.txt" "$work/verdicts"
