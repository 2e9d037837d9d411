#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: guests that misbehave, daemons that are killed, creates that cannot be. One well-behaved guest runs through
# all of it and must not notice.
. /files/lib

beats() { wirt log good | grep -c 'WIRT-GUEST good beat'; }
# goes_on NAME: the good guest makes progress.
goes_on() {
    local before
    before=$(beats)
    wait_for 30 sh -c ". /files/lib; [ \$(wirt log good | grep -c 'good beat') -gt $((before + 1)) ]" &&
        ok "$1" || bad "$1" "the good guest stands still"
}
image_at() { dd if=/dev/zero of="$1" bs=1M count=0 seek="$2" 2>/dev/null; }
warm
# blkback gives back what a disk has not used for a minute, which is shorter than this may take.
echo 100000 >/sys/module/xen_blkback/parameters/persistent_grant_unused_seconds
image good.img 8
linux good 96 1 disk:xvda,ip:10.0.7.41/24,beat:1 "$(disk good.img xvda) $(nic 41)"
check create create /run/xml/good.xml
check ready says good 120 'WIRT-GUEST good ready'
accounts >/run/accounts.before

# What cannot be made says why, and leaves nothing.
xml nokernel 64 1 x /etc/profile.none
check_code kernel-missing 3 profile.none create /run/xml/nokernel.xml
xml badkernel 64 1 x /bin/busybox
check_code kernel-bad 8 busybox create /run/xml/badkernel.xml
linux huge $(($(free_kib) / 1024 + 512)) 1 x
check_code no-memory 5 'MiB asked for, [0-9]+ MiB free, 51[0-9] MiB missing; domain .* has [0-9]+ MiB' create /run/xml/huge.xml
linux baddisk 64 1 x "$(disk none.img xvda)"
check_code disk-missing 3 none.img create /run/xml/baddisk.xml
linux baddisk 64 1 x "$(disk good.img xvda)"
check_code disk-busy 4 'good.img is busy: domain good .* has it read-write as xvda' create /run/xml/baddisk.xml
linux baddisk 64 1 x "$(disk . xvda)"
check_code disk-a-folder 8 'xvda' create /run/xml/baddisk.xml
# As root may write anywhere, only a file system that takes nothing makes a file read-only.
mkdir -p /run/ro && mount -t tmpfs ro /run/ro && image_at /run/ro/ro.img 1 && mount -o remount,ro /run/ro
linux baddisk 64 1 x "<disk type='file' device='disk'><source file='/run/ro/ro.img'/><target dev='xvda' bus='xen'/></disk>"
check_code disk-readonly 8 'ro.img.*[Rr]ead-only' create /run/xml/baddisk.xml
umount /run/ro
linux badmac 64 1 x "$(nic 41)"
check_code mac-taken 4 good create /run/xml/badmac.xml
micro good wait
check_code name-taken 4 'take the name: domain [0-9]+ has it' create /run/xml/good.xml
linux nobridge 64 1 x "<interface type='bridge'><source bridge='none0'/></interface>"
check_code bridge-missing 3 'no bridge none0' create /run/xml/nobridge.xml
echo '<domain type="xen"><name>x</name><bogus/></domain>' >/run/xml/bogus.xml
check_code xml-refused 8 'bogus.xml:1' create /run/xml/bogus.xml
dd if=/dev/urandom of=/run/xml/noise.xml bs=64k count=1 2>/dev/null
check_code xml-noise 8 'noise.xml:1:' create /run/xml/noise.xml
{ echo '<domain type="xen"><name>x</name><description>'; tr '\000' 'x' </dev/zero | head -c 10000000; } >/run/xml/large.xml
check_code xml-huge 8 'larger than 1 MiB' create /run/xml/large.xml
rm /run/xml/large.xml
{ echo '<!DOCTYPE domain [<!ENTITY a "aaaaaaaaaa">'
  before=a
  for n in b c d e f g h i j; do
      echo "<!ENTITY $n \"&$before;&$before;&$before;&$before;&$before;&$before;&$before;&$before;\">" && before=$n
  done
  echo ']><domain type="xen"><name>&j;</name></domain>'; } >/run/xml/bomb.xml
check_code xml-bomb 8 'bomb.xml:1:' create /run/xml/bomb.xml
accounts_same refused-leave-nothing /run/accounts.before

# To the brim: what fits is made, what does not is refused before a page of it is taken.
fits=0 refused=0 strange=0
room=$(($(free_kib) / 1024))
for mib in $((room - 40)) $((room + 1)) $((room - 1)) $room; do
    xml brim "$mib" 1 'wait brim' "$kit/micro.elf"
    wirt create /run/xml/brim.xml >/run/out 2>&1
    case $? in
    0) fits=$((fits + 1)) ;;
    5)
        grep -qE "claim memory: $mib MiB asked for.* missing; domain .* has " /run/out && refused=$((refused + 1))
        ;;
    *) strange=$((strange + 1)) && sed 's/^/  | /' /run/out ;;
    esac
    [ "$fits" = 0 ] || wirt destroy brim >/dev/null 2>&1
done
echo "brim: $room MiB free, $fits sizes made, $refused refused by the claim, $strange others"
check brim-fits [ "$fits" -ge 1 ]
check brim-refused [ "$refused" -ge 1 ]
equal brim-strange "$strange" 0
accounts_same brim-leaves-nothing /run/accounts.before

# A create that is killed at any moment leaves all or nothing, and the next command says which.
linux killed 64 1 beat:1
for moment in 0.02 0.1 0.3 0.6 1; do
    wirt create /run/xml/killed.xml >/dev/null 2>&1 &
    pid=$!
    sleep "$moment"
    kill -9 "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    wirt list >/run/list 2>&1
    is_there killed && wirt destroy killed
done
sleep 1
wirt list
accounts_same killed-creates-leave-nothing /run/accounts.before

# Guests that end badly.
micro panics panic '<on_crash>destroy</on_crash>'
micro stays panic '<on_crash>preserve</on_crash>'
check create-panics create /run/xml/panics.xml
check panics-gone wait_for 30 is_gone panics
check create-stays create /run/xml/stays.xml
check stays-crashed wait_for 30 is_state stays crashed
check stays-away wirt destroy stays
# One that leaves a report in a page of its own; one whose page is none of its own.
micro reports report '<on_crash>preserve</on_crash>'
check create-reports create /run/xml/reports.xml
check reports-crashed wait_for 30 is_state reports crashed
check report-dominfo wait_for 10 sh -c "wirt dominfo reports | grep -q 'Note .*Kernel panic - not syncing: on purpose'"
check report-log said reports 'Kernel panic - not syncing: on purpose'
check report-is-printable sh -c "wirt log reports | grep -F '?[2J'"
check reports-away wirt destroy reports
check report-stays said reports 'Kernel panic - not syncing: on purpose'
micro lies panic '<on_crash>preserve</on_crash>'
check create-lies wirt create --paused /run/xml/lies.xml
check lie wirt store write "/local/domain/$(field lies id)/data/crash-page" 1
check lies-goes-on wirt unpause lies
check lies-crashed wait_for 30 is_state lies crashed
check lies-has-no-report sh -c "! wirt log lies | grep -q 'kernel.s log'"
check lies-away wirt destroy lies
linux kernel 96 1 panic '' '<on_crash>preserve</on_crash>'
check create-kernel create /run/xml/kernel.xml
check kernel-panics says kernel 120 'Kernel panic|sysrq: Trigger a crash'
check kernel-crashed wait_for 30 is_state kernel crashed
check kernel-away wirt destroy kernel
goes_on after-crashes

# Guests that never rest.
for act in spin flood rubbish; do micro "$act" "$act"; check "create-$act" create "/run/xml/$act.xml"; done
sleep 3
goes_on beside-hostile
check dom0-lives timeout 20 wirt list
wirt list
audit audit-hostile
for act in spin flood rubbish; do is_there "$act" && check "destroy-$act" wirt destroy "$act"; done
accounts_same hostile-leave-nothing /run/accounts.before

# plugs: the good guest takes up a disk, for which its kernel has to hear of it from xenstored, and lets it go.
image more.img 4
plugs() {
    local state=/local/domain/$(field good id)/device/vbd/51728/state
    wirt attach-disk good "$images/more.img" xvdb || return
    wait_for 30 sh -c "[ \$(xenstore-read $state) = 4 ]" || echo "it does not take up the disk: state $(xenstore-read "$state")"
    [ "$(xenstore-read "$state")" = 4 ] && wirt detach-disk good xvdb && return
    wirt detach-disk good xvdb
    return 1
}
# Daemons die and come back; guests do not notice.
kill -9 "$(daemon_of wirtd)"
sleep 2
check wirtd-again wirtd
goes_on after-wirtd
check log-kept said good 'WIRT-GUEST good up'
check store-before plugs
kill -9 "$(daemon_of xenstored)"
sleep 2
check xenstored-again xenstored
check store-answers wait_for 10 xenstore-read /local/domain/0/name
check store-kept sh -c 'xenstore-ls /local/domain | grep -q good'
check store-after plugs
micro later wait
check create-after create /run/xml/later.xml
check destroy-after wirt destroy later
check shutdown wirt shutdown -w good
wait_for 20 is_gone good
audit audit-end
checks_end
