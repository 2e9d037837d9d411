#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: wirt top as a person has it: in tmux, keys sent, the screen compared with the one in screens/, at three sizes;
# then xenstore, console and mouse, and what may go wrong: daemons that die, a terminal that is too small or changes its
# size, no colours, ASCII, signals, a thousand domains. A recording of 40 domains stands for the host, our xenstored is
# real, wirtd an echo. UPDATE=1 writes screens/ anew.
here=$(cd "$(dirname "$0")" && pwd)
O=$(cd "$O" && pwd)
wirt=$O/tools/bin/wirt xenstored=$(cd "$(dirname "$XENSTORED")" && pwd)/xenstored
export TMUX_TMPDIR=$O TERM=screen LC_ALL=C.UTF-8
unset TMUX NO_COLOR
passed=0 failed=0
awk -v N=40 -v SAMPLES=3 -f "$here/record.awk" >"$O/forty.rec"
awk -v N=1000 -v SAMPLES=3 -f "$here/record.awk" >"$O/thousand.rec"
seq -f 'hypervisor line %.0f' 0 99 >"$O/forty.rec.log"
store='' peer=''
trap 'tm kill-server 2>/dev/null; kill $store $peer 2>/dev/null' EXIT

# The server outlives the session that is killed: the next one would else meet it while it ends.
echo 'set -s exit-empty off' >"$O/tmux.conf"
tm() { tmux -L "wirt-top-$$" -f "$O/tmux.conf" "$@"; }
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
lacks() {
    for _ in $(seq 100); do screen | grep -qF -- "$2" || { ok; return; }; sleep 0.1; done
    bad "$1: '$2' stays"
}
expect() { if sees "$2" "${3:-10}"; then ok; else bad "$1: no '$2' in:"; screen | head -n 8; fi; }

# The xenstore and the wirtd of this test: our own xenstored, and a program that speaks as wirtd does to a console.
export XENSTORED_RUNDIR=$O/store XENSTORED_PATH=$O/store/socket
rm -rf "$O/store"; mkdir -p "$O/store"
"$xenstored" --foreground --run-dir "$O/store" --pid-file '' 2>"$O/store/err" & store=$!
for _ in $(seq 100); do [ -S "$O/store/socket" ] && break; sleep 0.05; done
write() { xenstore-write "$@" || bad "xenstore-write $1"; }
for d in 0 1 2 3 10; do write /local/domain/$d/name "dom$d" /local/domain/$d/memory/target 65536 "/local/domain/$d/device/vbd/51712/state" 4; done
write /tool/bytes "$(printf 'a\001b')" /tool/empty ''

for size in 80x24 132x43 200x60; do
    open $size "$O/forty.rec"
    sees 'build-12' || bad "$size: no domains"
    compare "$size-domains"
    keys Down Down Down Enter; sees 'NAME         cache-11'; compare "$size-one"
    keys Escape; sleep 0.3; keys 2; sees 'RUN%'; compare "$size-vcpus"
    keys 3; sees 'memory ['; compare "$size-host"
    keys 4; sees 'SOURCE'; compare "$size-events"
    keys 5; sees 'GRANTER'; keys Enter; compare "$size-grants"
    keys 6; sees '+ tool'; keys End Right Down; compare "$size-xenstore"
    keys '?'; sees 'event channels, grants'; compare "$size-help"
    keys 1 t; sees '- crashed (1)'; keys Home Enter; compare "$size-tree"
    keys Enter t; keys '/' web; expect "$size filter" '/web_'
    keys Enter; compare "$size-filter"
    keys D; expect "$size asks" 'Destroy web-24'
    keys y; expect "$size asks again" 'all the same?'
    keys y; expect "$size outcome" 'destroy web-24: this is a recording'
    keys m; expect "$size memory" 'Memory of web-24, at most 512M: 448M_'
    keys C-u 1G Enter; expect "$size too much memory" 'may have 512M at most'
    keys C-u 96M Enter; expect "$size memory is asked about" 'Set the memory of web-24 to 96M? y/n'
    keys y; expect "$size memory outcome" 'mem-set web-24: this is a recording'
    keys Escape; sleep 0.3; keys l; expect "$size log" 'hypervisor line 99'
    keys Home / 'LINE 7' Enter; expect "$size found" 'line 8 of 100'
    keys n; expect "$size found again" 'line 71 of 100'
    keys N N; expect "$size found before" 'line 80 of 100, round the end'
    keys Tab; expect "$size other log" 'has no log of wirtd'
    keys Escape; sleep 0.3; keys q; expect "$size ends" 'status=0'
    screen | grep -q -e '-icanon' -e '-echo' && bad "$size: the terminal is not as it was" || ok
done

# ---- xenstore: what others write is seen, what is typed is asked about, and xenstored may die ----
open 80x24 "$O/forty.rec"; sees 'build-12'
keys 6; sees '+ local'; keys Right Down Right Down Right; expect "store open" 'name = "dom0"'
write /local/domain/0/name changed; expect "store watch" 'name = "changed"'
write /local/domain/0/fresh new; expect "store new key" 'fresh = "new"'
xenstore-rm /local/domain/0/memory; sleep 1; screen | grep -q '+ memory' && bad "store: a key that is gone is shown" || ok
keys Down Down; expect "store path" '/local/domain/0/fresh   n0'
keys Enter; expect "store edit" '/local/domain/0/fresh = new_'
keys C-u 'two words' Enter; expect "store asks" 'Write "two words" to /local/domain/0/fresh? y/n'
keys n; expect "store no" 'is left as it is'
[ "$(xenstore-read /local/domain/0/fresh)" = new ] && ok || bad "store: written without a y"
keys e C-u 'two words' Enter y; expect "store written" '/local/domain/0/fresh = "two words"'
[ "$(xenstore-read /local/domain/0/fresh)" = 'two words' ] && ok || bad "store: not written"
keys D; expect "store asks to remove" 'Remove /local/domain/0/fresh? y/n'
keys y; expect "store removed" '/local/domain/0/fresh: removed'
xenstore-exists /local/domain/0/fresh && bad "store: not removed" || ok
xenstore-rm /local/domain/0; keys End; sleep 0.5; keys Home; expect "store: the subtree under the cursor goes" '+ 1'
keys Left Down Right; expect "store bytes" 'bytes = "a\x01b"'
keys Down e; expect "store bytes are not edited" 'more than plain text'
keys Up Down; kill -9 $store; wait $store 2>/dev/null; expect "xenstored dies" 'does not answer'
"$xenstored" --foreground --fresh --run-dir "$O/store" --pid-file '' 2>>"$O/store/err" & store=$!
sleep 2; write /back/again yes; expect "xenstored is back" '+ back'
# It hangs, and nothing else does; what it owed is had when it goes on.
write /back/deep/er 1 /back/deep/est 2
keys Home Down; settled; kill -STOP $store; keys Right Down Right; expect "xenstored hangs" 'xenstored does not answer, for 2 s' 15
for _ in 1 2 3; do keys 1; sees 'build-12' && keys 2 && sees 'RUN%' && keys 6 && sees 'does not answer' && ok || bad "a hanging xenstored stops the screen"; done
keys e C-u x Enter y; sleep 1; keys 1; sees 'build-12' && ok || bad "an edit waits for a hanging xenstored"
keys 6; kill -CONT $store; lacks "xenstored goes on" 'does not answer'
keys Home; settled; write /back/later new; keys Left Right; expect "xenstored is read again" 'later = "new"'
keys 1; expect "on from xenstore" 'build-12'; keys q; expect "store ends" 'status=0'

# ---- the console beside, by a wirtd that says what is typed ----
wirtd=$O/wirtd.sock
"$O/wirtd" "$wirtd" & peer=$!
open 132x43 "$O/forty.rec" "WIRTD_SOCKET=$wirtd"; sees 'build-12'
keys Enter; expect "console" 'you asked: console build-12 replay'
keys c; expect "console typing" 'keys go to the guest'
keys 'echo of q' Up C-c; sleep 0.5; keys Enter; expect "console types" 'echo of q'
keys C-]; expect "console left" 'left the console of build-12'
compare "132x43-console"
keys Escape; sleep 0.3; kill -STOP $peer; keys Enter; expect "wirtd hangs" 'wirtd does not answer, for 2 s' 15
keys c; expect "a hanging wirtd is named" 'console of build-12: wirtd does not answer'
keys Escape; sees 'db-01' && keys 2 && sees 'RUN%' && ok || bad "a hanging wirtd stops the screen"
keys 1; sees 'db-01'; keys Enter; sees 'wirtd does not'; kill -CONT $peer; expect "wirtd goes on" 'you asked: console build-12 replay'
kill $peer; wait $peer 2>/dev/null; rm -f "$wirtd"
expect "wirtd dies" 'The console has ended'
keys c; expect "wirtd is dead" 'no answer on'
keys Escape; sleep 0.3; keys q; expect "console ends" 'status=0'

# ---- the mouse, as this terminal sends it: button, column, row, each from 32 ----
open 80x24 "$O/forty.rec"; sees 'build-12'
at() { printf "\\$(printf %o $((33 + $1)))\\$(printf %o $((33 + $2)))"; }
click() { tm send-keys -t t -l "$(printf '\033[M%s%s\033[M#%s' "$1" "$(at "$2" "$3")" "$(at "$2" "$3")")"; } # and let go
click ' ' 8 2; expect "click on a title" 'sorted by NAME'
click ' ' 20 1; expect "click on a view" 'memory ['
click ' ' 5 1; settled; click ' ' 8 5; settled; click ' ' 8 5; expect "click on a row" 'The last '
keys Escape; sleep 0.3; click '`' 8 5; click 'a' 8 5; click 'a' 8 5; settled
screen | grep -q build && ok || bad "wheel"
keys M; expect "no mouse" "terminal's own"
keys q; expect "mouse ends" 'status=0'

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
# Whatever ends it. The one that draws has the command's name, the guard does not; who kills it kills both.
modes() { tm display-message -p -t t '#{cursor_flag}#{alternate_on}#{mouse_any_flag}'; }
drawer() { pgrep -f "^$wirt top .*$1"; }
for signal in TERM HUP INT QUIT SEGV ABRT KILL KILL-guard; do
    child=$(drawer "$O/forty.rec")
    [ "$signal" = KILL-guard ] && child=$(ps -o ppid= -p "$child" | tr -d ' ')
    [ -n "$child" ] && kill "-${signal%-*}" "$child" || bad "$signal: it does not run"
    expect "$signal ends it" 'status='
    if [ "$signal" = KILL-guard ]; then sleep 1; keys " clear; stty -a | grep -o -e '-*icanon' -e '-*echo\b' | tr '\n' ' '; echo again" Enter; sees again; fi # the shell was faster
    screen | grep -q -e '-icanon' -e '-echo' && bad "$signal: the terminal is not as it was" || ok
    for _ in $(seq 30); do [ "$(modes)" = 100 ] && break; sleep 0.1; done
    [ "$(modes)" = 100 ] && ok || bad "$signal: cursor or screen are not back"
    open 80x24 "$O/forty.rec"; sees 'build-12' || bad "after $signal: no domains"
done
open 80x24 "$O/forty.rec"; sees 'build-12'
keys C-z; expect "Ctrl-Z" 'Stopped'; [ "$(modes)" = 100 ] && ok || bad "Ctrl-Z: the terminal is not the shell's"
keys fg Enter; expect "fg" 'build-12'; keys Down; [ "$(modes | cut -c 2)" = 1 ] && ok || bad "fg: it does not draw"
keys q; expect "fg ends" 'status=0'
open 80x24 "$O/forty.rec" LC_ALL=C
sees 'build-12'; keys Enter; sees CPU; settled
screen | LC_ALL=C grep -q '[^ -~]' && bad "LC_ALL=C: there is more than ASCII" || ok
"$wirt" top --batch 2>&1 | grep -q 'no hypervisor' && ok || bad "no hypervisor: nothing is said"

# What it cannot begin with: a line, a status, and the shell's terminal as it was.
refuses() { # refuses NAME TEXT ENV...
    local name=$1 text=$2
    shift 2
    tm kill-session -t t 2>/dev/null
    tm new-session -d -s t -x 80 -y 24 "PS1='shell> ' bash --norc"
    sees 'shell>'; keys " env $* $wirt top; echo status=\$?" Enter
    expect "$name" "$text"; expect "$name: its status" 'status=6'
    [ "$(modes)" = 100 ] && ok || bad "$name: the terminal is not the shell's"
}
refuses "no hypervisor on a screen" 'no hypervisor'
refuses "another ABI" 'speaks another version o' LD_PRELOAD="$O/abi.so" PLAYS=interface
refuses "other statistics" 'speaks version 99 of them' LD_PRELOAD="$O/abi.so" PLAYS=statistics
open 80x24 "$O/forty.rec" TERM=no-such-terminal; expect "no such terminal" 'nothing is known of a terminal "no-such-terminal"'
open 80x24 /nowhere/none; expect "no such file" 'No such file or directory'
printf 'noise\n' >"$O/noise.rec"; open 80x24 "$O/noise.rec"; expect "no recording" 'read a sample'

# What 200 domains cost a refresh: the time that the program ran, by the kernel's count; a recording is read meanwhile.
awk -v N=200 -v SAMPLES=30 -f "$here/record.awk" >"$O/200.rec"
open 132x43 "$O/200.rec"; sees '200 domains' || bad "200 domains: none"
child=$(drawer "$O/200.rec")
ran() { cut -d ' ' -f 1 "/proc/$child/schedstat"; }
before=$(ran); sleep 3; cost=$((($(ran) - before) / 15))
[ $cost -gt 0 ] && [ $cost -lt 10000000 ] && ok || bad "200 domains: a refresh takes $cost ns"
echo "200 domains: $((cost / 1000)) us of a CPU a refresh"
keys q; expect "200 domains end" 'status=0'

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
