#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: one hostile guest for each class of past bugs (docs/THREATS.md, section 3), as domUs, one after the other.
# Each judges by itself what it is answered; here it is seen that a neighbour goes on, that dom0's tools and xenstore
# answer in time, that the accounts hold, that the log names the guest, and at the end that nothing is left.
. /files/lib
guests=$kit/hostile
busybox syslogd -O /run/syslog
hv_log() { if is_wirt; then wirt dmesg; else xl dmesg; fi; }

# guest NAME KIND WORDS [DEVICES [MORE]]: makes it; its id is in $id.
guest() {
    xml "$1" 16 2 "$3" "$guests/$2.elf" "${4-}" "${5-}"
    check "create-$1" create "/run/xml/$1.xml"
    id=$(sed -n "s/.*domain $1 (\([0-9]*\)): started.*/\1/p" /run/check.out) # it may be gone already
}
beat() { xenstore-read "/local/domain/$neighbour/data/beat"; }
beats_on() { [ "$(beat)" -gt $(($1 + 2)) ]; }
in_time() { timeout 10 wirt list >/dev/null && timeout 10 xenstore-read /local/domain/0/name >/dev/null; }
# unnoticed NAME: the neighbour, dom0 and the accounts are as if there were no such guest.
unnoticed() {
    check "$1-neighbour" wait_for 30 beats_on "$(beat)"
    check "$1-dom0" in_time
    audit "$1-audit"
}
has_ended() { said "$1" "$2" || is_gone "$1"; }
# judged NAME KIND SECONDS LAST: its own verdicts, when its last line is there.
judged() {
    local line
    wait_for "$3" has_ended "$1" "^WIRT-GUEST $2 $4"
    said "$1" "^WIRT-GUEST $2 $4" && ok "$1-ends" || bad "$1-ends" "no line '$4'"
    wirt log "$1" | grep -vE '^WIRT-GUEST [^ ]* ok' | cut -c 1-200 | head -n 20
    wirt log "$1" | tr -d '\r' | grep -E "^WIRT-GUEST $2\.[a-z0-9-]+ (ok|FAILED)" >/run/verdicts
    while read -r _ name verdict line; do
        [ "$verdict" = ok ] && ok "$1-${name#*.}" || bad "$1-${name#*.}" "$line"
    done </run/verdicts
}
hv_named() { hv_log | grep -E "domain $id:? .*($1)|d$id .*($1)"; }
syslog_named() { grep -E "(domain $id:|\($id\)).*($1)" /run/syslog; }
# named NAME WHERE PATTERN: a line in the hypervisor's log (hv) or the daemons' (syslog) names it.
named() {
    [ "$2" = hv ] && ! is_wirt && return # Xen says little of its guests
    wait_for 6 "${2}_named" "$3" && ok "$1-named" || bad "$1-named" "nothing in the log matches '$3' of domain $id"
}
gone() {
    is_there "$1" && check "$1-destroy" wirt destroy "$1"
    check "$1-gone" wait_for 20 is_gone "$1"
}
# ends NAME KIND WORDS: one that ends by itself, with everything that is asked of it.
ends() {
    guest "$1" "$2" "$3"
    judged "$1" "$2" 90 end
    unnoticed "$1"
    gone "$1"
}

warm
# wirtd opens its way to syslogd, and keeps it, with its first word there, which is of a guest that ends by itself.
micro first off
check create-first create /run/xml/first.xml
check first-gone wait_for 20 is_gone first
image neighbour.img 1
guest neighbour neighbour all "$(disk neighbour.img xvda) $(nic 60)"
neighbour=$id
check neighbour-beats wait_for 30 beats_on 0
directory() { xenstore-ls "/local/domain/$neighbour" | grep -v beat; xenstore-ls "/local/domain/0/backend" | head -n 60; }
accounts >/run/accounts.before
xenstore-ls -f | sed 's/ = .*//' >/run/nodes.before
directory >/run/directory.before

# Input validation; speculation; leaks; corners of the CPU; page types; grants. Each is a world of its own.
seed=$(sed -n 's/.*wirt\.seed=\([0-9]*\).*/\1/p' /proc/cmdline)
ends sweep sweep "all ${seed:-12345}"
ends limits limits all
ends entry entry all
ends segments segments all
ends spec spec all
ends pagetables pagetables all
named pagetables hv 'refused'
ends grants grants all
ends leaks leaks all
ends races races all
ends stale stale all
ends rights rights "all $neighbour"
named rights hv 'not its right'
ends quotas quotas all
named quotas hv 'event channels'
named quotas hv 'is refused'
named quotas hv 'grant table'
lines=$(hv_log | grep -cE "domain $id: ")
[ "$lines" -lt 500 ] && ok quotas-log-is-calm || bad quotas-log-is-calm "$lines lines"

# A kernel that breaks its own contract ends alone, and is named with the reason.
for how in no-handler iret-hole iret-wirt stack-m2p stack-zero user-stack-hole fault-stack-hole no-callback handler-away; do
    guest "breaks-$how" breaks "$how" '' '<on_crash>destroy</on_crash>'
    check "breaks-$how-gone" wait_for 20 is_gone "breaks-$how"
    is_wirt && named "breaks-$how" hv 'crashed: '
done
unnoticed breaks

# xenstore: quotas, rights, rubbish in rings.
guest store store "stay $neighbour"
judged store store 120 stays
unnoticed store
named store syslog 'over its quota of [a-z-]+' # the first of them; more of a kind are held back for a while
check store-others sh -c 'xenstore-write /local/domain/0/probe 1 && xenstore-rm /local/domain/0/probe'
gone store
guest rings rings all
judged rings rings 60 end
unnoticed rings
named rings syslog 'ring is no longer served'
named rings syslog 'indexes into its console ring'
lines=$(grep -cE "domain $id: reconnects" /run/syslog)
[ "$lines" -lt 30 ] && ok rings-log-is-calm || bad rings-log-is-calm "$lines lines of one guest's"
gone rings
guest half rings half
sleep 1
unnoticed half
gone half

# Work without end: three of them at once.
for n in 1 2 3; do guest "storm$n" quotas storm; done
check storm-begins says storm3 30 'storm begins'
sleep 2
unnoticed storm
storms=$(hv_log | grep -cE "d(omain )?$id[: ]")
sleep 3
[ $(($(hv_log | grep -cE "d(omain )?$id[: ]") - storms)) -lt 100 ] && ok storm-log-is-calm || bad storm-log-is-calm "$storms before"
for n in 1 2 3; do gone "storm$n"; done

# Ends in the middle of things, by itself and by others.
for how in crash watchdog stay; do
    guest "abandon-$how" abandon "$how" '' '<on_crash>destroy</on_crash>'
    says "abandon-$how" 60 'holds all' && ok "abandon-$how-holds" || bad "abandon-$how-holds" "it does not come so far"
    judged "abandon-$how" abandon 10 'holds all'
    [ "$how" = stay ] && unnoticed "abandon-$how"
    [ "$how" = stay ] || check "abandon-$how-ends" wait_for 30 is_gone "abandon-$how"
    gone "abandon-$how"
done

# What dom0 looks at is nonsense.
guest poison poison stay
check poison-holds says poison 60 poisoned
sleep 1
unnoticed poison
check poison-dominfo wirt dominfo poison
check poison-vcpu-list wirt vcpu-list poison
timeout 60 wirt dump poison /run/poison.core >/run/check.out 2>&1
status=$?
[ "$status" -lt 124 ] && ok poison-dump || bad poison-dump "exit $status"
cat /run/check.out
rm -f /run/poison.core
gone poison
guest poison-crash poison crash '' '<on_crash>preserve</on_crash>'
check poison-crash-is wait_for 30 is_state poison-crash crashed
timeout 60 wirt dump poison-crash /run/poison.core >/run/check.out 2>&1
status=$?
[ "$status" -lt 124 ] && ok poison-crash-dump || bad poison-crash-dump "exit $status"
rm -f /run/poison.core
unnoticed poison-crash
gone poison-crash
guest poison-off poison off
gone_by_itself() { wait_for 30 is_gone poison-off; }
check poison-off-gone gone_by_itself

# A frontend that writes rubbish into its directories.
for how in stay remove; do
    image "front-$how.img" 1
    guest "front-$how" frontend "$how $neighbour" "$(disk "front-$how.img" xvda) $(nic $((70 + ${#how})))"
    judged "front-$how" frontend 60 stays
    unnoticed "front-$how"
    wirt store ls "/local/domain/$id" >/run/ls.out 2>&1
    if grep -q "$(printf '\033')" /run/ls.out; then bad "front-$how-ls" "escape sequences reach the terminal"; else ok "front-$how-ls"; fi
    check "front-$how-dominfo" wirt dominfo "front-$how"
    timeout 60 wirt detach-disk "front-$how" xvda
    [ $? -lt 124 ] && ok "front-$how-detach" || bad "front-$how-detach" "it hangs"
    gone "front-$how"
done
directory >/run/directory.now
check neighbour-untouched cmp /run/directory.before /run/directory.now
check neighbour-quiet sh -c '! wirt log neighbour | grep FAILED'
accounts_same nothing-left /run/accounts.before 256
xenstore-ls -f | sed 's/ = .*//' | diff /run/nodes.before - | grep '^[-+]/' | sed 's/^/  | /'
unnoticed end
check neighbour-away wirt destroy neighbour
is_wirt || xl dmesg | tail -n 5
checks_end
