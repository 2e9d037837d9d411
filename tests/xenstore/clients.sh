#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: Debian's xenstore-utils, as packaged, against the daemon on its socket. Each check compares whole output.
# usage: clients.sh XENSTORED
set -u
passed=0 failed=0
dir=$(mktemp -d)
export XENSTORED_RUNDIR=$dir
unset XENSTORED_SIM
"$1" --foreground --run-dir "$dir" --pid-file "$dir/pid" 2>"$dir/err" &
daemon=$!
trap 'kill $daemon; wait $daemon; rm -rf "$dir"' EXIT
for try in $(seq 100); do [ -S "$dir/socket" ] && break; sleep 0.05; done

# is NAME WANTED COMMAND...: output and, when it fails, "!STATUS".
is() {
    local name=$1 wanted=$2 got
    shift 2
    got=$("$@" 2>/dev/null) || got="$got!$?"
    if [ "$got" = "$wanted" ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "clients: $name: got '$got', wanted '$wanted'"
    fi
}
is "write" "" xenstore-write /a/b one /a/c two
is "read" "one
two" xenstore-read /a/b /a/c
is "read what is not there" '!1' xenstore-read /nope
is "list" "b
c" xenstore-list /a
is "list with paths" "/a/b
/a/c" xenstore-list -p /a
is "exists" "" xenstore-exists /a/b
is "exists not" '!1' xenstore-exists /a/z
is "chmod" "" xenstore-chmod /a/b n0 r5 b6
is "ls" 'a = ""
 b = "one"
 c = "two"' bash -c 'xenstore-ls / | sed -n "/^a/,/^[^a ]/p" | grep -v "^[l-z]"'
is "ls -f" '/a/b = "one"
/a/c = "two"' xenstore-ls -f /a
is "ls -f -p" '/a/b = "one"   (n0,r5,b6)
/a/c = "two"   (n0)' bash -c 'xenstore-ls -f -p /a | sed "s/ *(/   (/"'
is "chmod -r" "" xenstore-chmod -r /a b0 r7
is "chmod -r reached" '/a/b = "one"   (b0,r7)
/a/c = "two"   (b0,r7)' bash -c 'xenstore-ls -f -p /a | sed "s/ *(/   (/"'
is "chmod -u" "" xenstore-chmod -u /a n0
is "rm" "" xenstore-rm /a/b
is "rm took one" "c" xenstore-list /a
is "rm -t" "" xenstore-rm -t /a/c
is "rm -t takes empty parents" '!1' xenstore-exists /a
is "read raw bytes" 'a\001b' bash -c 'xenstore-write /raw "a\x01b"; xenstore-read /raw'
is "a list longer than one message" 1200 bash -c '
    for i in $(seq 400); do echo /big/node-$i x /big/more-$i y /big/rest-$i z; done | xargs -n 60 xenstore-write
    xenstore-list /big | wc -l'
is "ls of a tree longer than one message" 1200 bash -c 'xenstore-ls /big | wc -l'
is "watch" '/w
/w
/w/x
/w' bash -c 'timeout 20 xenstore-watch -n 4 /w & sleep 0.5; xenstore-write /w 1 /w/x 2; xenstore-rm /w; wait'
is "watch introductions" "@introduceDomain" timeout 20 xenstore-watch -n 1 @introduceDomain
is "pid file" "$daemon" cat "$dir/pid"
is "a second daemon" '!1' "$1" --foreground --run-dir "$dir" --pid-file ""
is "version" "Wirt xenstored 1" "$1" --version
is "help" 1 bash -c "'$1' --help | grep -c -- --foreground"
is "an option that is none" '!2' "$1" --nonsense
is "an argument too many" '!2' "$1" --foreground more
is "a directory that cannot be" '!1' "$1" --foreground --run-dir /proc/none --pid-file ""
# It detaches: the first process is gone when it serves.
is "detaches" "" bash -c "mkdir '$dir/second'; '$1' --run-dir '$dir/second' --pid-file '$dir/pid2' --log-file '$dir/log2' &&
    XENSTORED_RUNDIR='$dir/second' xenstore-exists /tool"
is "ends by SIGTERM" "0" bash -c "kill \$(cat '$dir/pid2'); for i in \$(seq 50); do kill -0 \$(cat '$dir/pid2') 2>/dev/null || break; sleep 0.1; done
    grep -c 'ERROR' '$dir/log2'; true"
echo "clients    $((passed + failed)) checks"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
