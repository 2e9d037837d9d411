#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: the command wirt where there is no hypervisor: what it says to a wrong command line, definitions in a folder of
# their own, JSON that a parser takes, and help, manual, completion and schema that all name the same commands.
# usage: wirt.sh WIRT
set -u
export LC_ALL=C NO_COLOR=1
# A command ends without giving its memory back piece by piece.
export ASAN_OPTIONS=detect_leaks=0
here=$(cd "$(dirname "$0")" && pwd)
tools=$(cd "${TOOLS:-$here/../../dom0-tools}" && pwd)
wirt=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export WIRT_DEFINE_DIR=$work/defs WIRTD_SOCKET=$work/none WIRTD_CONSOLE=$work/none WIRTD_RESTART=$work/none
passed=0 failed=0

good() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    printf 'FAIL %s\n' "$*"
}
# run CODE WORDS ARGUMENT...: exits with CODE, and one of its streams has a line that is WORDS. No words: no matter.
run() {
    local code=$1 words=$2 status
    shift 2
    "$wirt" "$@" >"$work/out" 2>"$work/err" </dev/null
    status=$?
    if [ "$status" != "$code" ]; then
        bad "wirt $*: exit $status, not $code: $(head -n 3 "$work/err")"
    elif [ -n "$words" ] && ! grep -qxF -- "$words" "$work/out" "$work/err"; then
        bad "wirt $*: no line '$words' but: $(head -n 3 "$work/out" "$work/err")"
    else good; fi
}
json() { # json FILTER: what the last command printed has this
    if jq -e "$1" <"$work/out" >/dev/null 2>&1; then good; else bad "JSON $1: $(head -c 300 "$work/out")"; fi
}
same() { if [ "$2" = "$3" ]; then good; else bad "$1: '$2' is not '$3'"; fi; }
has() { if grep -qE -- "$2" "$1"; then good; else bad "$1 has no $2"; fi; }

usage='read the command line'
run 2 '' # nothing at all: the summary
has "$work/err" '^usage: wirt COMMAND'
run 0 '' --help
run 2 "wirt: command line: $usage: there is no command creat; did you mean create? (wirt --help)" creat
run 2 "wirt: command line: $usage: there is no command lsit; did you mean list? (wirt --help)" lsit
run 2 "wirt: command line: $usage: there is no command vcpu_list; did you mean vcpu-list? (wirt --help)" vcpu_list
run 2 "wirt: command line: $usage: there is no command zzzzzz (wirt --help)" zzzzzz
run 2 "wirt: command line: $usage: wirt store needs another word: see wirt help store (wirt --help)" store
run 2 "wirt: command line: $usage: wirt store needs another word: see wirt help store (wirt --help)" store --json
run 2 "wirt: command line: $usage: there is no command store raed; did you mean store read? (wirt --help)" store raed
run 2 "wirt: create: $usage: an argument is missing; it is wirt create FILE (wirt create --help)" create
run 2 "wirt: create: $usage: 'y' is one argument too many; it is wirt create FILE (wirt create --help)" create x y
run 2 "wirt: list: $usage: 'y' is one argument too many; it is wirt list (wirt list --help)" list y
run 2 "wirt: rename: $usage: an argument is missing; it is wirt rename DOMAIN NAME (wirt rename --help)" rename a
run 2 "wirt: rename: $usage: arguments are missing; it is wirt rename DOMAIN NAME (wirt rename --help)" rename
run 2 "wirt: list: $usage: there is no option --nmaes; did you mean --names? (wirt list --help)" list --nmaes
run 2 "wirt: list: $usage: there is no option --xyzzyx (wirt list --help)" list --xyzzyx
run 2 "wirt: list: $usage: there is no option -q (wirt list --help)" list -q
run 2 "wirt: sched: $usage: --weight needs a value (wirt sched --help)" sched a --weight
run 2 "wirt: sched: $usage: -C needs a value (wirt sched --help)" sched a -C
run 2 "wirt: sched: $usage: which DOMAIN is to have that share? (wirt sched --help)" sched --weight 5
run 2 "wirt: sched: $usage: --weight is '0', and has to be a number from 1 to 65535 (wirt sched --help)" sched a -W 0
run 2 "wirt: sched: $usage: --cap is '3201', and has to be a number from 0 to 3200 (wirt sched --help)" sched a -C 3201
run 2 "wirt: vcpu-set: $usage: COUNT is '33', and has to be a number from 1 to 32 (wirt vcpu-set --help)" vcpu-set a 33
run 2 "wirt: vcpu-set: $usage: COUNT is '2x', and has to be a number from 1 to 32 (wirt vcpu-set --help)" vcpu-set a 2x
run 2 "wirt: vcpu-pin: $usage: VCPU is 'x', and has to be a number from 0 to 31 (wirt vcpu-pin --help)" vcpu-pin a x 0
run 2 "wirt: vcpu-pin: $usage: '9-2' is no set of CPUs: a range goes from the lower CPU to the higher (wirt vcpu-pin --help)" vcpu-pin a 0 9-2
run 2 "wirt: mem-set: $usage: '0' is no amount of memory: 512M, 2G, or a number of MiB (wirt mem-set --help)" mem-set a 0
run 2 "wirt: mem-set: $usage: '12X' is no amount of memory: 512M, 2G, or a number of MiB (wirt mem-set --help)" mem-set a 12X
run 2 "wirt: mem-set: $usage: '17T' is more than 16 TiB (wirt mem-set --help)" mem-set a 17T
run 2 "wirt: mem-max: $usage: '99999999999999999999' is no amount of memory: 512M, 2G, or a number of MiB (wirt mem-max --help)" mem-max a 99999999999999999999
run 2 "wirt: sysrq: $usage: KEY is 'hh', and has to be one character (wirt sysrq --help)" sysrq a hh
run 2 "wirt: console: $usage: --escape is 'x', and has to be ^ and a letter or one of [ \\ ] _ (wirt console --help)" console a -e x
run 2 "wirt: attach-disk: $usage: TARGET is 'sda', and has to be xvda to xvdzz, a partition's number may follow (wirt attach-disk --help)" attach-disk a /dev/null sda
run 2 "wirt: attach-nic: $usage: --mac is '01:00:00:00:00:00', and has to be one interface's: its first byte is odd, which is a group's (wirt attach-nic --help)" attach-nic a br0 -m 01:00:00:00:00:00
run 2 "wirt: attach-nic: $usage: BRIDGE is 'a/b', and has to be 1 to 15 of A-Z a-z 0-9 . _ - (wirt attach-nic --help)" attach-nic a a/b
run 2 "wirt: attach-nic: $usage: --xml says all: leave BRIDGE, --mac and --ifname away (wirt attach-nic --help)" attach-nic a br0 --xml x
run 2 "wirt: store chmod: $usage: MODE is 'x1', and has to be n, r, w or b with a domain's number behind it: r0 (wirt store chmod --help)" store chmod /a x1
run 2 "wirt: store watch: $usage: --count is '0', and has to be a number from 1 to 4294967295 (wirt store watch --help)" store watch -n 0 /a
run 2 "wirt: log: $usage: --follow has no end, and --json needs one (wirt log --help)" log a -f --json
run 3 'wirt: /none: find the disk: No such file or directory' attach-disk a /none xvdb
run 3 "wirt: $work/none.xml: read the device: No such file or directory" attach-disk a "$work/none.xml"
run 6 '' list
run 6 '' store ls /
run 6 '' console x
run 6 '' shutdown x --wait
run 0 '' version
run 0 '' version --json
json '.wirt and .hypervisor == null'

# An error is JSON too.
run 3 "wirt: $work/none.xml: read the configuration: it cannot be opened: No such file or directory" create --json "$work/none.xml"
json '.error | .code == 3 and .step == "read the configuration"'
run 2 '' frobnicate --json
json '.error.code == 2'
run 1 "wirt: $work: read the configuration: it cannot be opened: Is a directory" create "$work"
if "$wirt" help >/dev/full 2>"$work/err"; then bad 'a full disk is not noticed'; else good; fi

# ---- definitions ----
cp "$here/samples/dumpxml-small.xml" "$work/tiny.xml"
sed 's/tiny/small/; s/44454c4c/44454c4d/' "$work/tiny.xml" >"$work/small.xml"
run 0 "$work/tiny.xml: good; it describes the domain tiny" create --dry-run "$work/tiny.xml"
run 0 '' create -n "$here/samples/virt-install-default.xml"
has "$work/err" "note: <graphics> has no effect: there is no frame buffer"
run 0 '' create -n --json "$here/samples/virt-install-default.xml"
json '(.notes | length) == 1 and .name == "def"'
same 'no note beside JSON' "$(cat "$work/err")" ''
run 0 'domain tiny: defined' define "$work/tiny.xml"
run 0 'domain tiny: defined' define "$work/tiny.xml"
run 0 '' define --json "$work/small.xml"
json '.name == "small" and .uuid == "44454c4d-3700-1030-8058-b5c04f313531"'
same 'folder' "$(ls -A "$WIRT_DEFINE_DIR" | tr '\n' ' ')" 'small.xml tiny.xml '
run 0 'domain tiny: starts with the machine' autostart tiny
same 'autostart link' "$(readlink "$WIRT_DEFINE_DIR/autostart/tiny.xml")" ../tiny.xml
run 0 '' dominfo tiny --json
json '.defined and .autostart and .state == "defined" and .id == null and .memory_kib == 32768'
run 0 'State        defined' dominfo tiny
run 0 '  <name>tiny</name>' dominfo --xml tiny
run 0 '' dominfo --xml --json tiny
json '.xml | startswith("<domain")'
run 0 'domain tiny: does not start with the machine' autostart --disable tiny
same 'no link' "$(ls -A "$WIRT_DEFINE_DIR/autostart")" ''
run 0 '' autostart tiny
sed 's/44454c4c/44454c4e/' "$work/tiny.xml" >"$work/other.xml"
run 4 'wirt: domain tiny: define: a domain of this name with another UUID is defined (wirt undefine it first)' define "$work/other.xml"
sed 's/tiny/twin/' "$work/tiny.xml" >"$work/twin.xml"
run 4 'wirt: domain twin: define: its UUID is that of tiny, which is defined' define "$work/twin.xml"
run 3 'wirt: domain tnyi: find the definition: it is not defined (did you mean tiny?)' undefine tnyi
run 3 'wirt: domain tnyi: find the definition: it is not defined (did you mean tiny?)' start tnyi
run 3 'wirt: domain nix: find the definition: it is not defined (wirt list --all shows those that are)' autostart nix
run 2 "wirt: domain ../tiny: undefine: this is no name: 1 to 63 of A-Z a-z 0-9 . _ + -, not a number alone, not beginning with . or -" undefine ../tiny
run 0 'domain tiny: undefined' undefine tiny
same 'nothing of it is left' "$(ls -A "$WIRT_DEFINE_DIR" "$WIRT_DEFINE_DIR/autostart" | grep -c tiny)" 0
echo '<domain' >"$WIRT_DEFINE_DIR/broken.xml"
run 8 '' start broken
run 0 '' define "$work/tiny.xml" # a broken neighbour does not stop it
run 0 '' undefine broken
sed 's/tiny/mini/' "$work/tiny.xml" >"$WIRT_DEFINE_DIR/renamed.xml"
run 8 'wirt: domain renamed: find the definition: renamed.xml is named after it, but holds the domain mini (define it anew)' start renamed
if [ "$(id -u)" -ne 0 ]; then
    WIRT_DEFINE_DIR=/proc/none run 1 '' define "$work/tiny.xml"
else
    WIRT_DEFINE_DIR=/proc/none/x run 1 '' define "$work/tiny.xml"
fi
# Killed at any moment, a definition is the old one or the new one.
for delay in 0 0.001 0.002 0.003 0.005 0.008; do
    "$wirt" define "$work/tiny.xml" >/dev/null 2>&1 &
    sleep "$delay"
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
    xmllint --noout "$WIRT_DEFINE_DIR/tiny.xml" 2>/dev/null && good || bad "a definition is half written"
done
run 8 "wirt: standard input:1:1: read the configuration: it is empty" define -

# ---- one table: help, manual, completion ----
"$wirt" help --names >"$work/names"
same 'commands' "$(grep -c . "$work/names")" "$("$wirt" help --json | jq length)"
"$wirt" help >"$work/summary"
[ "$(awk 'length > 100' "$work/summary")" = '' ] && good || bad 'the summary has lines over 100 columns'
mandoc -T utf8 -O width=120 "$tools/man/wirt.1" 2>"$work/lint" | col -b >"$work/man"
while read -r name; do
    # shellcheck disable=SC2086
    run 0 '' $name --help
    head -n 1 "$work/out" | grep -q "^usage: wirt $name" && good || bad "help of $name"
    awk 'length > 100 { bad = 1 } END { exit bad }' "$work/out" && good || bad "help of $name is too wide"
    has "$work/summary" "^  $name +[a-z]"
    has "$work/man" "^ +(wirt )?$name( |\$)"
done <"$work/names"
for word in 0 1 2 3 4 5 6 7 8; do has "$work/man" "^ +$word +[A-Za-z]"; done
has "$work/man" '\-\-json'
for page in wirt.1 wirt-domain.5; do
    same "$page" "$(mandoc -T lint -W warning "$tools/man/$page" 2>&1 | grep -v 'referenced manual not found' | head -n 3)" ''
done
same 'manual and table' "$("$tools/man/commands.sh" "$wirt" --check 2>&1)" ''
same 'schema and table' "$("$tools/schema/write.sh" --check)" ''
for file in "$here"/samples/*.xml; do
    xmllint --noout --relaxng "$tools/schema/domain.rng" "$file" 2>/dev/null && good || bad "xmllint: $file"
    run 0 '' create -n "$file"
done

# Completion, as the shells run it, with our wirt first in the path.
mkdir -p "$work/bin"
cp "$wirt" "$work/bin/wirt"
complete_bash() { # complete_bash WORD...: the proposals for the last word
    PATH=$work/bin:$PATH bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _wirt; printf "%s\n" "${COMPREPLY[@]}"' \
        "$tools/completion/wirt.bash" "$@" | sort | tr '\n' ' '
}
same 'bash: commands' "$(complete_bash wirt vcpu-)" 'vcpu-list vcpu-pin vcpu-set '
same 'bash: store' "$(complete_bash wirt store r)" 'read rm '
same 'bash: options' "$(complete_bash wirt list --)" '--all --help --json --names '
same 'bash: definitions' "$(complete_bash wirt start s)" 'small '
same 'bash: definitions' "$(complete_bash wirt undefine t)" 'tiny '
same 'bash: domains' "$(complete_bash wirt dominfo t)" 'tiny '
same 'bash: options of two words' "$(complete_bash wirt store ls --r)" '--recursive '
if command -v zsh >/dev/null; then
    same 'zsh reads it' "$(zsh -n "$tools/completion/_wirt" 2>&1)" ''
fi
same 'bash reads it' "$(bash -n "$tools/completion/wirt.bash" 2>&1)" ''

# ---- the guide names what the tools say ----
same 'messages of the tools' "$("$tools/../docs/errors-tools.sh" --check 2>&1)" ''

# ---- what the guide and the README tell to type is understood: it fails only for want of a hypervisor ----
guide=$tools/../docs/guide
awk '/^```/ { inside = !inside; next } inside' "$tools/../README.md" "$guide"/*.md | sed 's/#.*//; s/;/\n/g' |
    sed -nE 's/^ *(sudo )?wirt ([a-z].*[^ ]) *$/\2/p' | sort -u >"$work/typed"
[ "$(wc -l <"$work/typed")" -ge 20 ] && good || bad "only $(wc -l <"$work/typed") commands in the guide"
ID=1
while read -r line; do
    eval "set -- $line"
    (cd "$work" && timeout 20 "$wirt" "$@" >out 2>err </dev/null)
    [ $? -ne 2 ] && good || bad "the guide's wirt $line: $(head -n 1 "$work/err")"
done <"$work/typed"
for page in "$guide"/*.md; do
    awk -v to="$work/guide" '/^```xml/ { n++; next } /^```/ { n += inside; inside = 0 } /^<domain/ { inside = 1 }
        inside { print >(to n ".xml") }' "$page"
    for file in "$work"/guide*.xml; do
        [ -e "$file" ] || continue
        run 0 '' create -n "$file"
        rm "$file"
    done
done

# ---- HV names the hypervisor that a test runs on; on make's command line it reaches the tools' Makefile too ----
same 'make HV=xen' "$(make -s -n -C "$tools" O="$work/tools" HV=xen 2>&1 >/dev/null)" ''

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
