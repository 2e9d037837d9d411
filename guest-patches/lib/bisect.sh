#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Theory: builds the kernels before the first patch and after each, in a tree of their own, so that whoever looks for a
# fault by halves meets no state that does not build. Kernels and their maps stay in build/guest-patches/bisect/PATCH,
# for tests/bench/patches.sh. Ends with "N passed, N failed". usage: bisect.sh [FLAVOUR...]
. "$(dirname "$0")/series.sh"

[ $# -gt 0 ] || set -- micro server
tree=$out/bisect/src failed=0 passed=0
rm -rf "$out"/bisect/{start,[0-9]*}
series_copy "$tree"
: >"$tree/.applied"
for name in start $(series_names); do
    if [ "$name" != start ]; then
        (push "$tree" 1) || exit 1
        applied_list "$tree" >"$tree/.applied"
    fi
    for flavour in "$@"; do
        if OUT=$out/bisect PARTIAL=yes "$top/guest-patches/lib/kernel.sh" "$flavour"; then
            passed=$((passed + 1)) && echo "ok    $flavour at $name"
            mkdir -p "$out/bisect/${name%.patch}"
            cp "$out/bisect/vmlinuz-$flavour" "$out/bisect/System.map-$flavour" "$out/bisect/${name%.patch}/"
        else
            failed=$((failed + 1)) && echo "FAIL  $flavour at $name"
        fi
    done
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
