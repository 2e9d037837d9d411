#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: wirt top as a person has it: in tmux, keys sent, the screen compared with the one in screens/, at three sizes;
# then what may go wrong: a terminal that is too small or changes its size, no colours, ASCII, signals, a thousand
# domains. A recording of 40 domains stands for the host. UPDATE=1 writes screens/ anew.
here=$(cd "$(dirname "$0")" && pwd)
O=$(cd "$O" && pwd)
wirt=$O/tools/bin/wirt
export TMUX_TMPDIR=$O TERM=screen LC_ALL=C.UTF-8
unset TMUX NO_COLOR
passed=0 failed=0
awk -v N=40 -v SAMPLES=3 -f "$here/record.awk" >"$O/forty.rec"
awk -v N=1000 -v SAMPLES=3 -f "$here/record.awk" >"$O/thousand.rec"
trap 'tm kill-server 2>/dev/null' EXIT

tm() { tmux -L "wirt-top-$$" -f /dev/null "$@"; }
ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); printf 'FAILED %s\n' "$*"; }
screen() { tm capture-pane -p -t t; }
# open WIDTHxHEIGHT RECORDING [ENV...]: in a shell, which is still there afterwards.
open() {
    local size=$1 file=$2
    shift 2
    tm kill-session -t t 2>/dev/null
    tm new-session -d -s t -x "${size%x*}" -y "${size#*x}" "PS1='shell> ' bash --norc"
    sees 'shell>' || bad "no shell at $size"
    tm send-keys -t t " env $* $wirt top -d 0.2 --replay $file; stty -a | grep -o -e '-*icanon' -e '-*echo\b' | tr '\\n' ' '; echo status=\$?" Enter
}
# sees TEXT [SECONDS]: the screen has it, soon. settled: it has stopped changing, which takes the third sample.
sees() {
    local end=$((SECONDS + ${2:-20}))
    until screen | grep -qF -- "$1"; do
        [ $SECONDS -ge $end ] && return 1
        sleep 0.1
    done
}
settled() {
    local was now same=0
    for _ in $(seq 100); do
        now=$(screen)
        if [ "$now" = "$was" ]; then same=$((same + 1)); else same=0; fi
        [ $same -ge 4 ] && return
        was=$now
        sleep 0.25
    done
    return 1
}
keys() { tm send-keys -t t "$@"; }
# compare NAME: the screen is the one that is kept.
compare() {
    settled || { bad "$1: the screen goes on changing"; return; }
    screen | sed 's/ *$//' >"$O/$1.txt"
    [ -n "$UPDATE" ] && mkdir -p "$here/screens" && cp "$O/$1.txt" "$here/screens/$1.txt"
    if cmp -s "$O/$1.txt" "$here/screens/$1.txt"; then ok; else
        bad "$1: the screen is another"
        diff "$here/screens/$1.txt" "$O/$1.txt" | head -n 6
    fi
}
expect() { if sees "$2" "${3:-10}"; then ok; else bad "$1: no '$2' in:"; screen | head -n 8; fi; }

for size in 80x24 132x43 200x60; do
    open $size "$O/forty.rec"
    sees 'build-12' || bad "$size: no domains"
    compare "$size-domains"
    keys Down Down Down Enter; sees 'NAME         cache-11'; compare "$size-one"
    keys Escape; sleep 0.3; keys 2; sees 'RUN%'; compare "$size-vcpus"
    keys 3; sees 'memory ['; compare "$size-host"
    keys '?'; sees 'Ctrl-L'; compare "$size-help"
    keys Escape; sleep 0.3; keys 1; keys '/' web; expect "$size filter" '/web_'
    keys Enter; compare "$size-filter"
    keys D; expect "$size asks" 'Destroy web-24'
    keys y; expect "$size asks again" 'all the same?'
    keys y; expect "$size outcome" 'destroy web-24: this is a recording'
    keys Escape; sleep 0.3; keys q; expect "$size ends" 'status=0'
    screen | grep -q -e '-icanon' -e '-echo' && bad "$size: the terminal is not as it was" || ok
done

open 80x24 "$O/forty.rec" NO_COLOR=1
sees 'build-12'; tm capture-pane -e -p -t t | grep -qE $'\033\\[([0-9;]*;)?3([0-7]|8;5;[0-9]+)m' && bad "NO_COLOR: there are colours" || ok
keys q; expect "NO_COLOR ends" 'status=0'
open 80x24 "$O/forty.rec"
sees 'build-12'; tm capture-pane -e -p -t t | grep -qE $'\033\\[([0-9;]*;)?3([0-7]|8;5;[0-9]+)m' && ok || bad "there are no colours"
for size in 132x43 60x12 80x24; do
    tm resize-window -t t -x "${size%x*}" -y "${size#*x}"; settled
    screen | head -n 1 | grep -q '^wirt top' && screen | grep -q 'build-12' && ok || bad "after a change to $size"
done
tm resize-window -t t -x 10 -y 3; expect "10x3" 'too small'
tm resize-window -t t -x 80 -y 24; expect "large again" 'build-12'
for signal in TERM HUP INT SEGV ABRT; do
    child=$(pgrep -f "^$wirt top .*$O/forty.rec")
    [ -n "$child" ] && kill -$signal "$child" || bad "$signal: it does not run"
    expect "$signal ends it" 'status='
    screen | grep -q -e '-icanon' -e '-echo' && bad "$signal: the terminal is not as it was" || ok
    [ "$(tm display-message -p -t t '#{cursor_flag}#{alternate_on}')" = 10 ] && ok || bad "$signal: cursor or screen are not back"
    open 80x24 "$O/forty.rec"; sees 'build-12' || bad "after $signal: no domains"
done
open 80x24 "$O/forty.rec" LC_ALL=C
sees 'build-12'; keys Enter; sees CPU; settled
screen | LC_ALL=C grep -q '[^ -~]' && bad "LC_ALL=C: there is more than ASCII" || ok
open 80x24 /nowhere/none; expect "no such file" 'No such file or directory'
printf 'noise\n' >"$O/noise.rec"; open 80x24 "$O/noise.rec"; expect "no recording" 'read a sample'

open 200x60 "$O/thousand.rec"
sees '1000 domains' || bad "a thousand: none"
settled
start=$(date +%s%N)
for _ in $(seq 10); do keys NPage NPage NPage NPage NPage; done
keys End; sees ' spare ' 30 && ok || bad "a thousand: the end is not reached"
took=$((($(date +%s%N) - start) / 1000000))
[ $took -lt 15000 ] && ok || bad "a thousand: scrolling to the end took $took ms"
echo "a thousand domains: 50 pages and the end in $took ms"
keys q; expect "a thousand ends" 'status=0'
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
