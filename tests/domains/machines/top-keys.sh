#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: wirt top as a person has it, in tmux, over guests that run: what the views say of channels, grants and
# xenstore is held against what the hypervisor, JSON and xenstore say themselves; each action is done with its keys and
# looked for in the guest; daemons die while one looks.
. /files/lib
export LC_ALL=C.UTF-8 TERM=linux
tm() { tmux -L top -f /dev/null "$@"; }
screen() { tm capture-pane -p -t t; }
keys() { tm send-keys -t t "$@"; }
shown() { screen | grep -qE -- "$1"; }
# sees NAME PATTERN [SECONDS]: the screen has it, soon.
sees() {
    if wait_for "${3:-30}" shown "$2"; then ok "$1"; return; fi
    bad "$1" "not on the screen: $2"
    screen | sed 's/^/  | /'
}
# lacks NAME PATTERN: it goes away, soon.
lacks() { if wait_for 30 not_shown "$2"; then ok "$1"; else bad "$1" "on the screen: $2"; screen | sed 's/^/  | /'; fi; }
not_shown() { ! shown "$1"; }
weighs() { wirt sched work --json | tr -d ' \n' | grep -q "\"weight\":$1,\"cap\":$2"; }
# start: wirt top, 132x43, with a shell behind it.
start() {
    tm kill-server 2>/dev/null
    tm new-session -d -s t -x 132 -y 43 sh
    keys "TERM=screen-256color wirt top; echo status=\$?" Enter
    sees "$1" 'NAME +STATE'
}
# sized: the three sizes that it is made for, each table: all of the titles that fit, and rows as wide as the screen whose
# every number is there.
sized() {
    local size view line titles="   ID NAME         STATE    KIND VCPU   CPU% STEAL%   MEM   MAX  READ WRITE"
    for size in 80x24 132x43 200x60; do
        tm resize-window -t t -x "${size%x*}" -y "${size#*x}"
        keys 1; sees "$size-domains" "^$titles"
        line=$(screen | grep -E '^ +[0-9]+ +work ' | head -n 1)
        equal "$size-fields" "$(echo "$line" | wc -w)" "$(screen | grep -E '^ +ID NAME' | wc -w)"
        keys 2; sees "$size-vcpus" 'RUN%  WAIT% BLOCK%   OFF%  LATE CALLS'
        keys 3; sees "$size-memory" '^memory \[[0wtdWTDGh]+h*\.+\] h Wirt, . free$'
        sees "$size-uses" '^dom0 +w +[0-9.]+[KMG] .* t +[0-9.]+[KMG]'
        sees "$size-calls" '^Hypercalls of all domains'
        equal "$size-lines" "$(screen | awk -v most="${size%x*}" 'length($0) > most' | wc -l) $(screen | wc -l)" "0 ${size#*x}"
        case $size in
        80x24) titles="$titles    IN   OUT UPTIME PORTS    OF GRANTS     OF  MAPS" ;;
        132x43) titles="$titles      OF CALLS TRAPS EVENTS  IOPS  PKTS WEIGHT  CAP" ;;
        esac
    done
    tm resize-window -t t -x 10 -y 3; sees 10x3 'too small'
    tm resize-window -t t -x 132 -y 43; keys 1; sees 10x3-back '^ +ID NAME'
}
# on_work: only work is shown, and the cursor is on it.
on_work() { keys Escape; sleep 1; keys Escape; sleep 1; keys 1; sleep 1; keys / work Enter; sleep 1; }

image work.img 16
linux work 96 1/2 disk:xvda,watch "$(disk work.img xvda) $(nic 51)"
micro idle wait
check create wirt create /run/xml/work.xml
check create-idle wirt create /run/xml/idle.xml
check ready says work 180 'WIRT-GUEST work ready'
start domains
sees row-work '^ +1 work +(running|blocked) +PV +1'

sized
keys 4
sees events-group '^ +1 - work \([0-9]+\)'
sees events-end '^ +1 +work +[0-9]+ channel +0 +0 Domain-0 +[0-9]+'
sees events-virq '^ +1 +work +[0-9]+ virq .* timer'
sees events-dom0 '^ +0 +Domain-0 +[0-9]+ channel +[0-9]+ +1 work +[0-9]+'
wirt top --json -d 0.5 -n 1 >/run/top.json
printf 'JSON ends %s\n' "$(cat /run/top.json)"
maps=$(tr '{' '\n' </run/top.json | grep -c '"mapper":0,"mapper_name":"Domain-0","granter":1,')
ends=$(tr '{' '\n' </run/top.json | grep -c '"domain":1,"name":"work","port":')
equal ports "$ends" "$(tr '{' '\n' </run/top.json | sed -n 's/.*"name":"work","state".*"ports":\([0-9]*\).*/\1/p')"
[ "$maps" -ge 3 ] && ok maps || bad maps "$maps mappings of work's grants"
keys 5
sees grants-group "^ +0 \+ Domain-0 \($maps\) +1 work +$maps "
equal grants-all "$(tr '{' '\n' </run/top.json | grep -c '"mapper":')" "$(tr '{' '\n' </run/top.json | sed -n 's/.*"maps":\([0-9]*\),"map_limit".*/\1/p' | awk '{ s += $1 } END { print s }')"

keys 6
sees store '^\+ local'
keys Right Down Right Down Down Right
sees store-work '^ +name = "work"'
xenstore-write /local/domain/1/seen hello
sees store-watch 'seen = "hello"'
xenstore-rm /local/domain/1/seen
lacks store-gone 'seen = '

on_work
keys w C-u 512 Enter; sees weight-asked 'Set the weight of work to 512'
keys y; check weight wait_for 20 weighs 512 0
keys % C-u 50 Enter y; check cap wait_for 20 weighs 512 50
keys % C-u 0 Enter y; check no-cap wait_for 20 weighs 512 0
keys v C-u 3 Enter; sees vcpus-refused '"3" is no number from 1 to 2'
keys C-u 2 Enter y; sees vcpus-asked 'asked to use 2 of 2 vCPUs'
check vcpus says work 60 'cpus=2'
keys m C-u 1G Enter; sees memory-refused 'may have [0-9.]+M at most'
keys C-u 80M Enter y; sees memory-asked 'asked to balloon to 80'
check memory wait_for 60 has_memory work -lt 86000
keys p; sees paused '^ +1 work +paused'
keys p; sees unpaused '^ +1 work +(running|blocked)'

keys Enter; sees one '^UPTIME'
sees console 'WIRT-GUEST work up'
keys c; sees typing 'keys go to the guest'
keys 'echo a$((6*7))b' Enter; sees typed 'a42b'
keys C-]; sees left 'left the console of work'
keys C; sees whole 'Ctrl-\] leaves' 20
keys Enter; keys 'echo c$((6*7))d' Enter; sees whole-typed 'c42d'
keys C-]; sees whole-left '^UPTIME'
keys Escape; sleep 1; keys l; sees log 'hypervisor.s log'
keys / 'wirt' Enter; sees found 'line [0-9]+ of [0-9]+'
keys Tab; sees other-log 'wirtd'

on_work
keys Enter; sees again '^UPTIME'
kill -9 "$(daemon_of wirtd)"; sees wirtd-dead 'console has ended'
keys c; sees wirtd-named 'wirtd: connect'
kill -9 "$(daemon_of xenstored)"; sees xenstored-dead 'xenstored does not answer'
xenstored
lacks xenstored-back 'xenstored does not answer'
wirtd
keys Escape; sleep 1
keys Enter; sees console-back 'WIRT-GUEST work up'
# They hang, and nothing else does.
store=$(daemon_of xenstored) daemon=$(daemon_of wirtd)
keys Escape; sleep 1
kill -STOP "$store"; sees xenstored-hangs 'xenstored does not answer, for [0-9]+ s now'
keys 2; sees hangs-vcpus 'RUN%'; keys 6; sees hangs-store 'does not answer, for'; keys 1; sees hangs-domains '^ +1 work '
kill -CONT "$store"; lacks xenstored-goes-on 'does not answer'
kill -STOP "$daemon"; keys Enter; sees wirtd-hangs 'wirtd does not answer, for [0-9]+ s'
keys Escape; sees hangs-row '^ +1 work '; keys Enter; sees hangs-again 'wirtd does not answer'
kill -CONT "$daemon"; sees wirtd-goes-on 'WIRT-GUEST work up'
check destroy wirt destroy work
sees gone 'work is gone'
keys p; sees gone-acts 'work is gone'
on_work; keys Escape; sleep 1; keys / idle Enter; sees row-idle "^ +2 idle "
keys D; sees asks 'Destroy idle, as by pulling'
keys y; sees asks-again 'all the same'
keys y; check destroyed wait_for 30 is_gone idle
lacks row-idle-gone "^ +2 idle "
keys q; sees end 'status=0'
# Whatever kills what draws, the terminal is the shell's again.
modes() { tm display-message -p -t t '#{cursor_flag}#{alternate_on}#{mouse_any_flag}'; }
keys clear Enter; keys "TERM=screen-256color wirt top; stty -a; echo status=\$?" Enter; sees drawn 'NAME +STATE'
kill -9 "$(for pid in $(pidof wirt); do grep -lx wirt "/proc/$pid/comm"; done | cut -d / -f 3)"; sees killed 'status='
equal modes "$(modes)" 100
check line shown '[^-]icanon'
tm kill-server
checks_end
