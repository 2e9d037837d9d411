# SPDX-License-Identifier: GPL-2.0-only
# Theory: what the scripts here share; sourced. It owns `patches` (the series), `out` (build/guest-patches) and the words
# around quilt: series_list (sum and name of each patch), series_apply (brings a tree to the series), series_copy (another
# tree at the series' start) and space_for.
. "$(dirname "${BASH_SOURCE[0]}")/../../tests/lib/common.sh"
set -o pipefail
patches=${PATCHES:-$top/guest-patches/linux-6.1}
out=${OUT:-$build/guest-patches}
# quilt takes a patch off with the file that put it on: a tree keeps copies of its own.
export QUILT_PATCHES=.series QUILT_SERIES=series QUILT_PC=.pc

series_names() { sed 's/#.*//; /^[[:space:]]*$/d' "$patches/series" | awk '{ print $1 }'; }
# sums DIR NAME...: sum and name, a line each.
sums() {
    local dir=$1
    shift
    [ $# -eq 0 ] || (cd "$dir" && sha256sum "$@")
}
series_list() {
    local name
    for name in $(series_names); do
        [ -f "$patches/$name" ] || die "the series names $name, and there is no such file in ${patches#"$top"/}"
    done
    # shellcheck disable=SC2046 # names
    sums "$patches" $(series_names)
}
# applied_list TREE: the same of what is applied.
applied_list() {
    # shellcheck disable=SC2046 # names
    sums "$1/.series" $(cat "$1/.pc/applied-patches" 2>/dev/null)
}
# series_take TREE: the tree's copies become what the series is now.
series_take() {
    rm -rf "$1/.series"
    mkdir -p "$1/.series"
    series_names >"$1/.series/series"
    # shellcheck disable=SC2046 # names
    [ ! -s "$1/.series/series" ] || (cd "$patches" && cp $(series_names) "$1/.series/")
}

# in_tree TREE COMMAND...: quilt works where it stands. What it says goes to the tree's quilt.log.
in_tree() {
    local tree=$1
    shift
    (cd "$tree" && "$@") >"$tree/quilt.log" 2>&1
}

# push TREE [COUNT]: the next patches, or all; a failure names the patch and the file. Context must match exactly.
push() {
    local tree=$1 name file
    in_tree "$tree" quilt --quiltrc - push --fuzz=0 "${2:--a}" && return 0
    name=$(sed -n 's/^Applying patch \(.*\)/\1/p' "$tree/quilt.log" | tail -n 1)
    file=$(sed -n "s/.*FAILED -- .*file \([^ ]*\).*/\1/p; s/^|+++ [^/]*\/\([^\t ]*\).*/\1 (there is no such file)/p" "$tree/quilt.log" |
        sort -u | head -n 3 | paste -s -d ' ')
    die "${name##*/} does not apply${version:+ to linux-source-6.1 $version}: ${file:-$(tail -n 1 "$tree/quilt.log")}; see $tree/quilt.log"
}

# series_apply TREE: pops to the first patch that is not as it was, and pushes the rest.
series_apply() {
    local tree=$1 had kept
    series_list >"$tree/.wanted" || exit 1
    applied_list "$tree" >"$tree/.applied"
    cmp -s "$tree/.applied" "$tree/.wanted" && return 0
    had=$(wc -l <"$tree/.applied")
    kept=$(paste -d '|' "$tree/.applied" "$tree/.wanted" | awk -F '|' '$1 != $2 { exit } { n++ } END { print n + 0 }')
    version=$(cut -d ' ' -f 1 "$tree/.package" 2>/dev/null)
    if [ "$had" -gt "$kept" ]; then
        in_tree "$tree" quilt --quiltrc - pop $((had - kept)) ||
            die "$tree was changed by hand: $(tail -n 1 "$tree/quilt.log"); keep what you need of it and remove it"
    fi
    series_take "$tree"
    [ "$(wc -l <"$tree/.wanted")" -eq "$kept" ] || push "$tree"
    mv "$tree/.wanted" "$tree/.applied"
    say "applied $(wc -l <"$tree/.applied") patches"
}

# series_copy DIR: a tree without the series that shares files with build/guest-patches/src: patch and quilt write anew
# whatever they change, but not the notes, which are copied.
series_copy() {
    rm -rf "$1"
    mkdir -p "${1%/*}"
    cp -al "$out/src" "$1" && rm -rf "$1/.pc" "$1/.series" "$1/.applied" "$1/quilt.log" || exit 1
    [ ! -e "$out/src/.pc" ] || cp -a "$out/src/.pc" "$out/src/.series" "$1/" || exit 1
    [ ! -s "$1/.pc/applied-patches" ] || in_tree "$1" quilt --quiltrc - pop -a ||
        die "$out/src was changed by hand: $(tail -n 1 "$1/quilt.log")"
    series_take "$1"
}

# space_for MIB WHAT: SPACE=MIB pretends that only so much is left.
space_for() {
    local free
    free=${SPACE:-$(($(df --output=avail -k "$out" | tail -n 1) / 1024))}
    [ "$free" -ge "$1" ] || die "too little disk for $2: $1 MiB are needed, $free MiB are free where $out is"
}
