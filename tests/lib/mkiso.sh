#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: makes a small bootable image, for BIOS and for UEFI, whose GRUB starts one entry at once on
# the serial line. The two GRUB cores are made once and kept in build/grub; an image is then only a
# grub.cfg and the files, which takes well under a second. Needs no root.
# usage: mkiso.sh OUT --kernel FILE [--linux OPTIONS] [--initrd FILE] [--hv FILE [--hv-options OPTIONS]]
#        [--module2 FILE]... [--grub COMMANDS] [--multiboot 1]   (with --hv, --kernel may be missing: then GRUB passes no
#        module at all)
. "$(dirname "$0")/common.sh"

grub=$build/grub
modules="iso9660 multiboot multiboot2 linux gzio serial terminal echo normal configfile test boot halt memrw"

make_cores() {
    stale "$grub/efi.img" "$0" || return 0
    mkdir -p "$grub"
    grub-mkimage -O i386-pc-eltorito -d /usr/lib/grub/i386-pc -p /boot/grub \
        -o "$grub/bios.img" biosdisk $modules || die "grub-mkimage failed for BIOS"
    printf 'search --file --set=root /boot/grub/grub.cfg\nset prefix=($root)/boot/grub\n' >"$grub/early.cfg"
    grub-mkimage -O x86_64-efi -d /usr/lib/grub/x86_64-efi -p /boot/grub -c "$grub/early.cfg" \
        -o "$grub/bootx64.efi" search search_fs_file efi_gop video $modules ||
        die "grub-mkimage failed for UEFI"
    rm -f "$grub/efi.part"
    truncate -s $(($(stat -c %s "$grub/bootx64.efi") + 131072)) "$grub/efi.part"
    mformat -i "$grub/efi.part" -v WIRT -T $(($(stat -c %s "$grub/efi.part") / 512)) -h 16 -s 32 :: &&
        mmd -i "$grub/efi.part" ::/EFI ::/EFI/BOOT &&
        mcopy -i "$grub/efi.part" "$grub/bootx64.efi" ::/EFI/BOOT/BOOTX64.EFI &&
        mv "$grub/efi.part" "$grub/efi.img" || die "the UEFI part of the image could not be made"
}

out=$1
shift
kernel= linux_options= initrd= hv= hv_options= commands= extra=() multiboot=multiboot2 module=module2
while [ $# -gt 0 ]; do
    case $1 in
    --kernel) kernel=$2 ;;
    --linux) linux_options=$2 ;;
    --initrd) initrd=$2 ;;
    --hv) hv=$2 ;;
    --hv-options) hv_options=$2 ;;
    --grub) commands=$2 ;;
    --module2) extra+=("$2") ;;
    --multiboot) multiboot=multiboot module=module ;;
    *) die "unknown option $1" ;;
    esac
    shift 2
done
[ -n "$hv$kernel" ] || die "neither --hv nor --kernel"
mkdir -p "$grub"
(flock 9 && make_cores) 9>"$grub/lock" || exit 1

stage=$(mktemp -d "${TMPDIR:-/tmp}/wirt-iso.XXXXXX")
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage/boot/grub"

# put FILE NAME: a file of the image; a link, as xorriso follows it, costs nothing.
put() {
    [ -e "$1" ] || die "there is no $1"
    ln -s "$(realpath "$1")" "$stage/boot/$2"
}

{
    echo 'serial --unit=0 --speed=115200'
    echo 'terminal_input serial console'
    echo 'terminal_output serial console'
    echo 'echo "WIRT-GRUB loading"'
    if [ -n "$hv" ]; then
        put "$hv" hypervisor
        echo "$multiboot /boot/hypervisor $hv_options"
        [ -n "$kernel" ] && put "$kernel" vmlinuz && echo "$module --nounzip /boot/vmlinuz $linux_options"
        [ -n "$initrd" ] && put "$initrd" initrd && echo "$module --nounzip /boot/initrd"
        for file in "${extra[@]}"; do
            put "$file" "$(basename "$file")" && echo "$module --nounzip /boot/$(basename "$file")"
        done
    else
        put "$kernel" vmlinuz
        echo "linux /boot/vmlinuz $linux_options"
        [ -n "$initrd" ] && put "$initrd" initrd && echo 'initrd /boot/initrd'
    fi
    printf '%s\n' "$commands"
    echo 'echo "WIRT-GRUB starting"'
    echo 'boot'
    # Only reached when GRUB could not boot; without a key it would wait for ever.
    echo 'echo "WIRT-GRUB failed"'
} >"$stage/boot/grub/grub.cfg"
ln -s "$grub/bios.img" "$stage/boot/grub/bios.img"
ln -s "$grub/efi.img" "$stage/boot/grub/efi.img"
mkdir -p "$(dirname "$out")"
xorriso -as mkisofs -quiet -f -r -o "$out.part" \
    -b boot/grub/bios.img -no-emul-boot -boot-load-size 4 -boot-info-table --grub2-boot-info \
    -eltorito-alt-boot -e boot/grub/efi.img -no-emul-boot "$stage" 2>"$stage.err" ||
    { cat "$stage.err" >&2; rm -f "$stage.err"; die "xorriso could not write $out"; }
rm -f "$stage.err"
mv "$out.part" "$out"
