#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: what Debian's virt-install and virsh really print, read by wirt. virt-install believes in a Xen host by a file
# of capabilities; each row of virt-install.tsv is printed by it, and by libvirt after it has taken that up, and is
# accepted, or refused with file, line, column and reason. By hand: it needs virtinst and libvirt-clients.
# usage: virt-install.sh WIRT
. "$(dirname "$0")/../lib/common.sh"

wirt=$(realpath "${1:?usage: virt-install.sh WIRT}") here=$top/tests/cli
for program in virt-install virsh; do
    command -v "$program" >/dev/null || die "there is no $program: apt-get install virtinst libvirt-clients"
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/capabilities.xml" <<'XML'
<capabilities>
  <host><cpu><arch>x86_64</arch></cpu></host>
  <guest>
    <os_type>xen</os_type>
    <arch name='x86_64'><wordsize>64</wordsize><machine>xenpv</machine><domain type='xen'/></arch>
  </guest>
</capabilities>
XML
uri=__virtinst_test__test:///default,fakeuri=xen:///,predictable,caps=$work/capabilities.xml
passed=0 failed=0

# judge NAME ANSWER FILE
judge() {
    local words
    words=$("$wirt" create --dry-run "$3" 2>&1)
    case $2:$? in
    good:0) passed=$((passed + 1)) && return ;;
    *:8) [ "$2" != good ] && grep -qE "^wirt: $3:[0-9]+:[0-9]+: " <<<"$words" && grep -qF -- "$2" <<<"$words" &&
        passed=$((passed + 1)) && return ;;
    esac
    failed=$((failed + 1))
    printf 'FAIL %s: not "%s" but: %s\n' "$1" "$2" "$words"
}

while IFS=$'\t' read -r name answer options; do
    case $name in '' | '#'*) continue ;; esac
    [[ $options == *--boot* ]] || options+=" --boot kernel=/boot/vmlinuz,initrd=/boot/initrd.img,kernel_args=console=hvc0"
    # shellcheck disable=SC2086
    if ! virt-install --connect "$uri" --virt-type xen --paravirt --name "$name" --memory 512 --import --print-xml \
        --osinfo detect=off,require=off $options >"$work/$name.xml" 2>"$work/error"; then
        failed=$((failed + 1))
        printf 'FAIL %s: virt-install: %s\n' "$name" "$(head -n 1 "$work/error")"
        continue
    fi
    judge "$name" "$answer" "$work/$name.xml"
    # libvirt without Xen calls a console serial if nobody says what it is.
    virsh -q -c test:///default "define $work/$name.xml; dumpxml $name" 2>/dev/null |
        sed -n "s/<target type='serial' port='0'/<target type='xen' port='0'/; /<domain/,/<\/domain/p" >"$work/$name-2.xml"
    [ -s "$work/$name-2.xml" ] && judge "$name, as virsh prints it" "$answer" "$work/$name-2.xml"
done <"$here/virt-install.tsv"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
