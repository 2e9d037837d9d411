#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: tests 20_linux_wirt with Debian's own grub-mkconfig_lib in a scratch root: which kernels get an
# entry, in which order, with which options, and that GRUB's own checker takes the result. Needs no root.
. "$(dirname "$0")/../lib/common.sh"

script=$top/dom0-tools/grub/20_linux_wirt
root=$(mktemp -d "${TMPDIR:-/tmp}/wirt-grub.XXXXXX")
trap 'rm -rf "$root"' EXIT
passed=0 failed=0
mkdir -p "$root"/{boot,etc/default/grub.d}

# The device of a scratch root is unknown to grub-probe: these stand in for it and its kin.
printf '#!/bin/sh\necho /boot\n' >"$root/relpath"
chmod 755 "$root/relpath"
generate() {
    env -u GRUB_DEVICE_BOOT WIRT_ROOT="$root" grub_mkrelpath="$root/relpath" GRUB_DEVICE=/dev/sda1 \
        GRUB_DEVICE_UUID=0123-4567 GRUB_DISTRIBUTOR="Debian" GRUB_CMDLINE_LINUX="console=hvc0" \
        GRUB_CMDLINE_LINUX_DEFAULT="quiet" "$@" sh "$script" >"$root/out" 2>"$root/err"
}

# check WHAT COMMAND...
check() {
    local what=$1
    shift
    if "$@" >/dev/null 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAIL  grub entry: %s\n' "$what"
        sed 's/^/  | /' "$root/out" "$root/err"
    fi
}
count_is() { [ "$(grep -cE "$2" "$root/out")" -eq "$1" ]; }
line() { grep -qE -- "$1" "$root/out"; }

generate
check "nothing is written without a hypervisor" [ ! -s "$root/out" ]
: >"$root/boot/wirt.gz"
generate
check "nothing is written without a kernel" [ ! -s "$root/out" ]
for version in 6.1.0-9-amd64 6.1.0-56-amd64 6.1.0-56-cloud-amd64; do
    : >"$root/boot/vmlinuz-$version"
    : >"$root/boot/initrd.img-$version"
    echo 'CONFIG_XEN_DOM0=y' >"$root/boot/config-$version"
done
echo '# CONFIG_XEN_DOM0 is not set' >"$root/boot/config-6.1.0-56-cloud-amd64"
: >"$root/boot/vmlinuz-6.1.0-56-amd64.dpkg-tmp"
: >"$root/boot/vmlinuz-5.0-noconfig"
generate
check "it ends well" [ $? -eq 0 ]
check "GRUB takes the syntax" grub-script-check "$root/out"
check "five entries: the newest, and two for each of two kernels" count_is 5 '^\s*menuentry '
check "a kernel that cannot be dom0 gets none" [ "$(grep -c cloud "$root/out")" -eq 0 ]
check "56 is newer than 9" [ "$(grep -m 1 -o 'vmlinuz-[^ ]*' "$root/out")" = vmlinuz-6.1.0-56-amd64 ]
check "the kernel's line" line '^	module2 --nounzip /boot/vmlinuz-6.1.0-56-amd64 root=UUID=0123-4567 ro console=hvc0 quiet$'
check "the initrd's line" line '^	module2 --nounzip /boot/initrd.img-6.1.0-56-amd64$'
check "recovery drops the default options" line 'vmlinuz-6.1.0-9-amd64 root=UUID=0123-4567 ro single console=hvc0$'
cat >"$root/etc/default/grub" <<'TXT'
GRUB_CMDLINE_WIRT="com1=115200,8n1 console=com1,vga"
GRUB_CMDLINE_WIRT_DEFAULT="dom0_mem=1G"
GRUB_CMDLINE_LINUX_WIRT_REPLACE_DEFAULT="debug"
TXT
echo 'GRUB_DISABLE_RECOVERY=true' >"$root/etc/default/grub.d/z.cfg"
generate GRUB_DISABLE_LINUX_UUID=true
check "GRUB takes the syntax with options" grub-script-check "$root/out"
check "options of the hypervisor" line '^	multiboot2 /boot/wirt.gz com1=115200,8n1 console=com1,vga dom0_mem=1G$'
check "the replaced default options, and no UUID" line 'root=/dev/sda1 ro console=hvc0 debug$'
check "no recovery entries" count_is 0 'recovery'
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
