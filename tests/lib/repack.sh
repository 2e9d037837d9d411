#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: makes kernels of other packings from the fetched one: build/kernels/vmlinux (ELF) and
# build/kernels/bzImage-{gzip,lz4,zstd}. A boot protocol image is a head and a payload; a
# paravirtualised loader reads only the payload, so a new one behind the old head is a whole image
# for it (the old head could not start it on bare metal). Made once, no root.
# usage: repack.sh elf|gzip|lz4|zstd...
. "$(dirname "$0")/common.sh"

source=$cache/linux/vmlinuz
out=$build/kernels

# number FILE OFFSET BYTES: a little-endian number.
number() { od -An -v -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '; }

# bytes32 NUMBER: the four bytes, as printf escapes.
bytes32() {
    printf '\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255))
}

# The setup header: sectors of real-mode code at 0x1f1, payload offset and length at 0x248 and 0x24c.
payload_start() { echo $(((1 + $(number "$source" $((0x1f1)) 1)) * 512 + $(number "$source" $((0x248)) 4))); }

make_elf() {
    local start length
    start=$(payload_start) length=$(number "$source" $((0x24c)) 4)
    # The last four bytes are the unpacked size and no part of the xz stream.
    tail -c +$((start + 1)) "$source" | head -c $((length - 4)) | xz -dc >"$out/vmlinux.part" ||
        die "$source holds no xz payload at $start"
    [ "$(stat -c %s "$out/vmlinux.part")" -eq "$(number "$source" $((start + length - 4)) 4)" ] ||
        die "the unpacked kernel has not the size that $source gives"
    mv "$out/vmlinux.part" "$out/vmlinux"
}

# make_image NAME COMMAND...: gzip ends in the unpacked size anyway, the others get it appended.
make_image() {
    local name=$1 start image=$out/bzImage-$1
    shift
    start=$(payload_start)
    "$@" <"$out/vmlinux" >"$out/payload.part" || die "$1 failed"
    [ "$name" = gzip ] || printf "$(bytes32 "$(stat -c %s "$out/vmlinux")")" >>"$out/payload.part"
    head -c "$start" "$source" | cat - "$out/payload.part" >"$image.part"
    printf "$(bytes32 "$(stat -c %s "$out/payload.part")")" |
        dd of="$image.part" bs=1 seek=$((0x24c)) conv=notrunc status=none
    rm "$out/payload.part"
    mv "$image.part" "$image"
}

mkdir -p "$out"
exec 9>"$out/lock"
flock 9
stale "$out/vmlinux" "$source" && make_elf
for kind in "$@"; do
    [ "$kind" = elf ] || stale "$out/bzImage-$kind" "$source" "$0" || continue
    case $kind in
    elf) ;;
    gzip) make_image gzip gzip -n -1 -c ;;
    lz4) make_image lz4 lz4 -q -l -1 -c ;;
    zstd) make_image zstd zstd -q -1 -c ;;
    *) die "unknown packing '$kind'" ;;
    esac
done
