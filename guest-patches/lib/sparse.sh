# SPDX-License-Identifier: GPL-2.0-only
# Theory: a part of check.sh: what sparse says of the touched .c files with the series and did not say without it.

# complaints TREE: without line numbers, which the series moves.
complaints() {
    local tree=$1 objects
    objects=$(touched | sed -n 's/\.c$/.c/p' | while read -r file; do [ -e "$tree/$file" ] && echo "${file%.c}.o"; done)
    [ -n "$objects" ] || return 0
    # shellcheck disable=SC2086 # the files
    ARCH=x86_64 make -C "$tree" O="$out/sparse/obj/server" -j "${JOBS:-$(nproc)}" C=2 $objects >"$out/sparse/log" 2>&1 ||
        echo "does not compile: $(grep -m 1 -E 'error:|Error [0-9]' "$out/sparse/log")"
    sed -nE 's/^[^ ]*\/?((arch|block|drivers|fs|include|init|kernel|lib|mm|net)\/[^:]*):[0-9:]+ (warning|error):/\1:/p' "$out/sparse/log" | sort -u
}

check_sparse() {
    local tree=$out/sparse/src
    series_copy "$tree"
    : >"$tree/.applied"
    OUT=$out/sparse PARTIAL=yes "$top/guest-patches/lib/kernel.sh" server config || exit 1
    complaints "$tree" >"$work/before"
    [ -z "$(series_names)" ] || (push "$tree") || exit 1
    applied_list "$tree" >"$tree/.applied"
    OUT=$out/sparse "$top/guest-patches/lib/kernel.sh" server config || exit 1
    complaints "$tree" >"$work/after"
    verdict sparse "$(comm -13 "$work/before" "$work/after" | head -n 5 | paste -s -d ';')"
}
check_sparse
