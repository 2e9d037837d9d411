# SPDX-License-Identifier: MIT
# Theory: tests that are no row of a table: the GRUB entry, the shell on the serial line, the switch of
# that line between dom0 and hypervisor, and the text on the screen. Sourced by run-matrix.

# One boot to the shell: type into it, switch to the hypervisor, ask it for its keys, switch back, leave.
console_test() {
    local result help='help|handlers' ended
    [ "$hv" = none ] && return
    log=$logs/$hv-console.log why=
    result=$("$top/tests/boot/run-vm" --hv "$hv" --memory 1024 --disk virtio --nic virtio --timeout 240 \
        --hv-options "console=com1,vga com1=115200,8n1" --linux "console=$console wirt.job=shell" --log "$log" \
        --send 'dom0:.*#=>echo shell-$((6*7))\n' --send 'shell-42=>\x01\x01\x01' \
        --send 'input to=>h' --send "$help=>\x01\x01\x01" --send 'input to (DOM0|dom0|Dom0)=>\n' \
        --send 'dom0:.*#=>echo back-$((7*7)); poweroff\n')
    ended=$(field_of "$result" end)
    expect_line 'shell-42'
    expect_line 'network: eth0 has 10\.0\.2\.15'
    expect_line 'input to (Xen|Wirt)'
    expect_line "$help"
    expect_line 'back-49'
    [ -n "$why" ] || [ "$ended" = poweroff ] || why="the machine ended by '$ended'"
    report console "$(field_of "$result" wall)"
}

# Wirt must be seen on the VGA text screen as well, and within its first second on the wire. (Debian's
# Xen leaves the screen of this machine blank.)
screen_test() {
    local result times
    [ "$hv" = wirt ] || return
    log=$logs/$hv-screen.log why=
    result=$("$top/tests/boot/run-vm" --hv "$hv" --memory 512 --kernel none --initrd none --timeout 60 \
        --hv-options "console=com1,vga com1=115200,8n1 noreboot" --until 'no kernel' --linger 2 \
        --screen "$logs/$hv-screen.txt" --log "$log")
    expect_line "$banner"
    if [ -z "$why" ] && ! grep -qE 'Wirt' "$logs/$hv-screen.txt"; then
        why="nothing of the hypervisor on the screen; see $logs/$hv-screen.txt"
    fi
    times=$(awk -v banner="$banner" '/WIRT-GRUB starting/ { g = $1 } $0 ~ banner && !b { b = $1 }
        END { printf "%d", (b - g) * 1000 }' "$log")
    # The emulator on a busy host may be slow; a second of a real machine is three here.
    [ -n "$why" ] || [ "$times" -le 3000 ] || why="the first line came $times ms after GRUB"
    report screen "$(field_of "$result" wall)"
}

grub_entry_test() {
    log=$logs/grub-entry.log why=
    local begin=$SECONDS
    "$top/tests/boot/grub-entry.sh" >"$log" 2>&1 || why=$(tail -n 1 "$log")
    report grub-entry $((SECONDS - begin))
}

special_run() {
    local name
    for name in grub_entry screen console; do
        [[ ${name/_/-} =~ $only ]] && "${name}_test"
    done
}
