#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Theory: says whether the series is fit to be sent: each patch is in the series and in the README, says who may use it,
# applies without fuzz, and is clean by the kernel's own checkpatch; each option of a configuration says why. `quick`
# unpacks only the files that are touched (seconds); without it sparse compares the touched files before and after as
# well. Ends with "N passed, N failed". usage: check.sh [quick]
. "$(dirname "$0")/series.sh"

quick=${1:-} passed=0 failed=0
work=$(mktemp -d "${TMPDIR:-/tmp}/wirt-patches.XXXXXX")
trap 'rm -rf "$work"' EXIT
# verdict NAME WHY: an empty WHY is a pass.
verdict() {
    if [ -z "$2" ]; then
        passed=$((passed + 1)) && echo "ok    $1"
    else
        failed=$((failed + 1)) && printf 'FAIL  %s: %s\n' "$1" "$2"
    fi
}

# touched: the files that the series changes or makes.
touched() { series_names | sed "s|^|$patches/|" | xargs -r sed -n 's|^+++ [^/]*/\([^[:space:]]*\).*|\1|p' | sort -u; }

check_names() {
    local file name why=
    for file in "$patches"/*.patch; do
        name=${file##*/}
        [ -e "$file" ] || continue
        series_names | grep -qx "$name" || why="$why $name is not in the series;"
        grep -q "$name" "${README:-$top/guest-patches/README.md}" || why="$why $name is not in the README;"
    done
    verdict names "$why"
}

# Every line is empty, a remark, or an option with its reason.
check_reasons() {
    verdict reasons "$(grep -HnvE '^(#.*|CONFIG_[A-Z0-9_]+=[^ #]+ +# [^ ].*)?$' "$patches"/config/*.config |
        sed "s|^$patches/config/||" | head -n 3 | paste -s -d ' ')"
}

# The touched files of the package alone, and checkpatch.
unpack_touched() {
    local list
    mapfile -t list < <(touched)
    "$top/guest-patches/lib/source.sh" "$work/tree" scripts/checkpatch.pl scripts/spelling.txt \
        scripts/const_structs.checkpatch "${list[@]}" || exit 1
    [ -e "$work/tree/scripts/checkpatch.pl" ] || die "the package has no scripts/checkpatch.pl"
}

check_apply() {
    verdict apply "$( (series_apply "$work/tree") 2>&1 | grep -v '^applied')"
}

check_style() {
    local name
    for name in $(series_names); do
        verdict "checkpatch $name" "$(cd "$work/tree" && perl scripts/checkpatch.pl --no-tree --no-signoff --terse --no-summary \
            --show-types "$patches/$name" 2>&1 | head -n 5 | sed 's|^[^:]*/||')"
    done
}

check_names
check_reasons
unpack_touched
check_apply
check_style
[ "$quick" = quick ] || . "$top/guest-patches/lib/sparse.sh"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
