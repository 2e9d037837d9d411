#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: makes the pictures of wirt top from the program itself: it shows the recording beside this script, in tmux;
# keys are sent, and the screen becomes an SVG. The same program and the same recording give the same pictures, byte for
# byte; --check says whether they do. Needs tmux and xz, and no hypervisor.
# usage: pictures.sh [--check] WIRT
here=$(cd "$(dirname "$0")" && pwd)
out=$here
[ "$1" = --check ] && { shift; out=$(mktemp -d); check=1; }
wirt=$(cd "$(dirname "${1:?usage: pictures.sh [--check] WIRT}")" && pwd)/$(basename "$1")
work=$(mktemp -d)
export TMUX_TMPDIR=$work LC_ALL=C.UTF-8 TERM=screen-256color
unset TMUX NO_COLOR WIRTD_SOCKET
trap 'tm kill-server 2>/dev/null; rm -rf "$work" ${check:+"$out"}' EXIT
tm() { tmux -L "pictures-$name" -f /dev/null "$@"; } # a server each: one that ends takes the next session with it
screen() { tm capture-pane -p -t t; }
fail() { echo "pictures.sh: $1; the screen is:" >&2; screen >&2; exit 1; }

xz -dc "$here/host.rec.xz" >"$work/host.rec" || exit 1
xz -dc "$here/host.rec.log.xz" >"$work/host.rec.log" || exit 1
samples=$(grep -c '^sample ' "$work/host.rec")

# picture NAME WIDTHxHEIGHT KEYS...: the whole recording is shown first, fast; then the keys.
picture() {
    local size=$2 was now same=0
    name=$1
    shift 2
    tm new-session -d -s t -x "${size%x*}" -y "${size#*x}" "exec '$wirt' top -d 0.1 --replay '$work/host.rec'"
    for _ in $(seq 100); do screen | grep -q 'wirt top' && break; sleep 0.1; done
    sleep $((samples / 10 + 3))
    for key; do tm send-keys -t t "$key"; sleep 0.4; done
    for _ in $(seq 100); do
        now=$(screen)
        if [ "$now" = "$was" ]; then same=$((same + 1)); else same=0; fi
        [ $same -ge 4 ] && break
        was=$now
        sleep 0.25
    done
    [ $same -ge 4 ] || fail "$name does not come to rest"
    tm capture-pane -e -p -t t | LC_ALL=C awk -v COLUMNS="${size%x*}" -f "$here/svg.awk" >"$out/$name.svg"
    tm kill-server
    grep -q '>wirt&#160;top<' "$out/$name.svg" || fail "$name shows nothing"
    if [ -n "$check" ] && ! cmp -s "$out/$name.svg" "$here/$name.svg"; then
        echo "$name.svg is another: run docs/guide/top/pictures.sh" >&2
        bad=1
    fi
}
picture domains 120x20
picture tree 100x18 t
picture one 109x19 Enter
picture vcpus 100x18 2
picture events 90x18 4
picture grants 90x14 5 Enter
picture host 90x10 3
picture log 100x14 l / Wirt Enter
[ -z "$bad" ] && echo "pictures: $(ls "$here"/*.svg | wc -l)"
exit "${bad:-0}"
