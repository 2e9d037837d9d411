# SPDX-License-Identifier: MIT
# Theory: the words that every shell script of the harness shares. Sourced, never run. It owns the
# variables `top` (the repository) and `build` (where all products go) and three ways to speak:
# say (what happens), die (why it stops), newer (is a product out of date). It starts nothing.
set -u
export LC_ALL=C
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${BUILD:-$top/build}
cache=$build/cache

say() { printf '%s\n' "$*" >&2; }
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# stale PRODUCT SOURCE...: true when the product is missing or older than any of its sources.
stale() {
    local product=$1 source
    shift
    [ -e "$product" ] || return 0
    for source in "$@"; do
        [ "$source" -nt "$product" ] && return 0
    done
    return 1
}

# hypervisor_path: the file that GRUB loads for HV=wirt|xen|none; empty for none.
hypervisor_path() {
    case $1 in
    wirt) printf '%s\n' "${WIRT:-$build/hypervisor/wirt.gz}" ;;
    xen) printf '%s\n' "$cache/xen/hypervisor.gz" ;;
    none) ;;
    *) die "unknown hypervisor '$1': use wirt, xen or none" ;;
    esac
}
