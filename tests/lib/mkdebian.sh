#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: makes a Debian root file system with Debian's own Xen tools, as the ext4 image build/cache/debian.img (label
# wirt-debian). It is two things: the root of a dom0 that runs xl, and the disk of a guest that boots through pv-grub
# with a kernel of its own. Made once; as root, or else as any user by mmdebstrap's own means and fakeroot.
. "$(dirname "$0")/common.sh"

out=$cache/debian.img
[ -e "$out" ] && exit 0
[ -e "$cache/linux/vmlinuz" ] || die "run tests/lib/fetch.sh linux first"
exec 9>"$cache/debian.lock"
flock 9
[ -e "$out" ] && exit 0
stage=$(mktemp -d "${TMPDIR:-/tmp}/wirt-debian.XXXXXX")
trap 'rm -rf "$stage"' EXIT
say "making a Debian root file system (once; it stays in build/cache)"
keep_out=(--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*'
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/lib/udev/hwdb.d/*'
    --dpkgopt='path-exclude=/usr/lib/xen-4.17/boot/*')
mmdebstrap --quiet --mode=auto --variant=essential "${keep_out[@]}" \
    --include=systemd-sysv,xen-utils-4.17,iproute2,bridge-utils,kmod,iputils-ping bookworm "$stage/root.tar" >&2 ||
    die "mmdebstrap could not make the root file system: is a Debian 12 mirror configured and reachable?"

# A login without a password on the console, and what pv-grub looks for.
cat >"$stage/finish" <<'FINISH'
set -e
mkdir "$1/root"
tar -C "$1/root" -xf "$1/root.tar"
rm "$1/root.tar"
cd "$1/root"
echo wirt-debian >etc/hostname
sed -i 's/^root:[^:]*:/root::/' etc/shadow
mkdir -p boot/grub
cp "$2" boot/vmlinuz
cp "$3" boot/initrd.img
cat >boot/grub/grub.cfg <<'GRUB'
set timeout=0
insmod gzio
insmod xzio
menuentry Debian {
    linux /boot/vmlinuz console=hvc0 wirt.name=debian wirt.root=LABEL=wirt-debian
    initrd /boot/initrd.img
}
GRUB
printf 'LABEL=wirt-debian / ext4 defaults 0 1\n' >etc/fstab
# What waits for devices that no guest has, or makes caches anew at each start.
for unit in systemd-hwdb-update systemd-journal-catalog-update systemd-update-utmp systemd-pcrphase xen xendomains; do
    ln -sf /dev/null "etc/systemd/system/$unit.service"
done
truncate -s 640M "$1/image"
PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q -F -L wirt-debian -d "$1/root" "$1/image"
FINISH
# GRUB cannot unpack the cloud kernel's LZ4; the other one is XZ.
"$top/dom0-tools/initramfs/guest.sh" "$stage/initrd.img" linux || exit 1
fake=()
[ "$(id -u)" -eq 0 ] || fake=(fakeroot)
"${fake[@]}" sh "$stage/finish" "$stage" "$(realpath "$cache/linux/vmlinuz")" "$stage/initrd.img" ||
    die "the image of the Debian root could not be made"
cp --sparse=always "$stage/image" "$out.part" && mv "$out.part" "$out"
say "Debian root: $(du -m "$out" | cut -f 1) MiB"
