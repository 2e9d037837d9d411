# SPDX-License-Identifier: MIT
# Theory: which kernel a guest of the counting scripts is started with, and its first instruction. Sourced after
# common.sh: guest_kernel micro|server|cloud sets `image` (what the tool loads), `elf` (the same unpacked) and `entry`.
# `cloud` is Debian's, the others are ours. It starts nothing.

guest_kernel() {
    local at
    case $1 in
    cloud) image=$cache/cloud/vmlinuz elf=$build/bench/vmlinux-cloud ;;
    micro | server) image=$build/guest-patches/vmlinuz-$1 elf=$build/guest-patches/obj/$1/vmlinux ;;
    *) die "unknown kernel '$1': use micro, server or cloud" ;;
    esac
    [ -e "$image" ] || [ "$1" != cloud ] || "$top/tests/lib/fetch.sh" cloud || exit 1
    [ -e "$image" ] || die "no kernel $image: make -C guest-patches $1 builds it"
    # Debian's cloud kernel is packed by lz4, in the old format.
    if [ "$1" = cloud ] && stale "$elf" "$image"; then
        mkdir -p "$build/bench"
        at=$(LC_ALL=C grep -abo -m 1 -P '\x02\x21\x4c\x18' "$image" | head -n 1 | cut -d : -f 1)
        tail -c +$((at + 1)) "$image" | lz4 -q -dc >"$elf.part" 2>/dev/null
        [ -s "$elf.part" ] || die "$image holds no lz4 payload"
        mv "$elf.part" "$elf"
    fi
    # The note of type 1, which readelf takes for a version, holds the address at which a PV kernel starts.
    entry=$(readelf -nW "$elf" 2>/dev/null | sed -n 's/.*Xen .*NT_VERSION.*data: \(.*[0-9a-f]\).*/\1/p' |
        awk '{ for (i = NF; i > 0; i--) hex = hex $i; print "0x" hex }')
    [ -n "$entry" ] || die "no entry note in $elf"
}
