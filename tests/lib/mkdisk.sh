#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: makes the files that a test machine finds outside itself: an ext4 root disk with a program
# of its own to run (build/boot/root.img), and a file with its checksum for the TFTP server
# (build/boot/tftp). Needs no root; made once.
. "$(dirname "$0")/common.sh"

out=$build/boot
mkdir -p "$out"
exec 9>"$out/lock"
flock 9
stale "$out/root.img" "$0" || exit 0
stage=$(mktemp -d "${TMPDIR:-/tmp}/wirt-disk.XXXXXX")
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage"/{bin,sbin,proc,dev,tmp}
install -m 755 /usr/bin/busybox "$stage/bin/busybox"
ln -s busybox "$stage/bin/sh"
# Every block of the sums file is read back and compared by the program that starts from this disk.
head -c 2M /dev/urandom >"$stage/payload"
(cd "$stage" && sha256sum payload bin/busybox >sums)
cat >"$stage/sbin/wirt-root" <<'ROOT'
#!/bin/sh
# Runs with the disk as its root: reads everything back and compares.
set -e
[ -e /random ]
[ -d /proc/self ]
/bin/busybox sha256sum -c -s /sums
echo "disk: the root on this disk ran"
ROOT
chmod 755 "$stage/sbin/wirt-root"
rm -f "$out/root.part"
truncate -s 64M "$out/root.part"
PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q -F -L wirt-root -E root_owner=0:0 -d "$stage" "$out/root.part" ||
    die "mkfs.ext4 could not make the root disk"
mkdir -p "$out/tftp"
head -c 512K /dev/urandom >"$out/tftp/blob"
sha256sum <"$out/tftp/blob" >"$out/tftp/blob.sum"
mv "$out/root.part" "$out/root.img"
