# SPDX-License-Identifier: MIT
# Theory: tests that are no row of a table: the GRUB entry, the shell on the serial line, the switch of
# that line between dom0 and hypervisor with all of its keys, the text on the screen, and the record of a panic.
# Sourced by run-matrix.

# One boot to the shell: type into it, switch to the hypervisor, press its keys, switch back, leave. Wirt is asked for
# every report while two loops keep both CPUs busy, and dom0 has read its log before.
console_test() {
    local result ended key last="'h' pressed" asked=() jobs=shell
    [ "$hv" = none ] && return
    log=$logs/$hv-console.log why=
    if [ "$hv" = wirt ]; then
        jobs=log,shell
        for key in q r m e a i d g '*' 0; do
            asked+=(--send "$last=>$key")
            last="'[$key]' pressed"
        done
        last='audit: [0-9n]'
    fi
    result=$("$top/tests/boot/run-vm" --hv "$hv" --smp 2 --memory 1024 --disk virtio --nic virtio --timeout 240 \
        --hv-options "console=com1,vga com1=115200,8n1" --linux "console=$console wirt.job=$jobs" --log "$log" \
        --send 'dom0:.*#=>for i in 1 2; do (yes >/dev/null &); done; sleep 1; echo shell-$((6*7))\n' \
        --send '^shell-42=>\x01\x01\x01' --send 'nput (to|goes to) (Xen|Wirt)=>h' "${asked[@]}" --send "$last=>\x01\x01\x01" \
        --send 'nput (to|goes to) (DOM0|dom0)=>\n' --send 'dom0:.*#=>killall yes; echo back-$((7*7)); poweroff\n')
    ended=$(field_of "$result" end)
    expect_line '\| shell-42'
    expect_line 'network: eth0 has 10\.0\.2\.15'
    expect_line 'nput (to|goes to) (Xen|Wirt)'
    expect_line "'h' pressed"
    expect_line 'back-49'
    [ "$hv" = wirt ] && expect_line 'WIRT-JOB log ok'
    [ "$hv" = wirt ] && [ -z "$why" ] && why=$(awk -f "$top/tests/boot/keys.awk" "$log")
    [ -n "$why" ] || [ "$ended" = poweroff ] || why="the machine ended by '$ended'"
    report console "$(field_of "$result" wall)"
}

# A panic, and what the boot after the warm reset says of it.
panic_test() {
    [ "$hv" = wirt ] || return
    log=$logs/panic-record.log why=
    local begin=$SECONDS
    "$top/tests/boot/panic-record.sh" bios noreboot >"$log" 2>&1 || why=$(grep -m 1 FAIL "$log" || tail -n 1 "$log")
    report panic $((SECONDS - begin))
}

# screen_boot NAME FIRMWARE FILE: Wirt without a kernel, which ends in a message; FILE gets the screen.
screen_boot() {
    local times
    log=$logs/$hv-screen-$1.log why=
    result=$("$top/tests/boot/run-vm" --hv "$hv" --memory 512 --kernel none --initrd none --timeout 60 \
        --firmware "$2" --hv-options "console=com1,vga com1=115200,8n1 noreboot" --until 'no module' --linger 2 \
        --screen "$3" --log "$log")
    expect_line "$banner"
    [ "$2" != direct ] || return
    # On the wire within the first second; an emulator on a busy host gets three.
    times=$(awk -v banner="$banner" '/WIRT-GRUB starting/ { g = $1 } $0 ~ banner && !b { b = $1 }
        END { printf "%d", (b - g) * 1000 }' "$log")
    [ -n "$why" ] || [ "$times" -le 3000 ] || why="the first line came $times ms after GRUB"
}

# lit FILE.ppm: bytes that are not black in the first line of text, 16 rows of pixels at the top. GRUB and
# the firmware leave those rows black.
lit() {
    local width height
    read -r width height < <(sed -n 2p "$1")
    tail -c $((width * height * 3)) "$1" | head -c $((width * 3 * 16)) | tr -d '\000' | wc -c
}

# Debian's Xen leaves the screen of this machine blank, so only Wirt is asked.
screen_test() {
    local result firmware picture
    [ "$hv" = wirt ] || return
    picture=$logs/wirt-screen.txt
    screen_boot text direct "$picture"
    [ -n "$why" ] || grep -q 'Wirt' "$picture" || why="nothing of Wirt in the VGA text memory; see $picture"
    report screen-text "$(field_of "$result" wall)"
    for firmware in bios uefi; do
        picture=$logs/wirt-screen-$firmware.ppm
        rm -f "$picture"
        screen_boot "$firmware" "$firmware" "$picture"
        if [ -z "$why" ] && { [ ! -s "$picture" ] || [ "$(lit "$picture")" -lt 2000 ]; }; then
            why="the first line of the framebuffer is empty; see $picture"
        fi
        report "screen-$firmware" "$(field_of "$result" wall)"
    done
}

grub_entry_test() {
    log=$logs/grub-entry.log why=
    local begin=$SECONDS
    "$top/tests/boot/grub-entry.sh" >"$log" 2>&1 || why=$(tail -n 1 "$log")
    report grub-entry $((SECONDS - begin))
}

special_run() {
    local name
    for name in grub_entry screen console panic; do
        [[ ${name/_/-} =~ $only ]] && "${name}_test"
    done
}
