#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: memory that ends. Each allocation of a command fails once, its libraries' too: either the command does what it
# does otherwise, to the byte, or it ends with a code and a line that says so, and a definition is the old or the new.
# usage: memory.sh WIRT FAILMALLOC [STRIDE]
set -u
export LC_ALL=C NO_COLOR=1
wirt=$1 shim=$2 stride=${3:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export WIRT_DEFINE_DIR=$work/defs WIRTD_SOCKET=$work/none WIRTD_CONSOLE=$work/none
passed=0 failed=0
bad() {
    failed=$((failed + 1))
    printf 'FAIL memory: %s\n' "$*"
}

# judge NUMBER STATUS ARGUMENT...: one run whose allocation NUMBER failed.
judge() {
    local n=$1 status=$2
    shift 2
    if [ "$status" = "$(cat "$work/status")" ] && cmp -s "$work/out" "$work/good.out"; then
        passed=$((passed + 1))
    elif [ "$status" -ge 1 ] && [ "$status" -le 12 ] && grep -qE 'memory|Cannot allocate' "$work/err"; then
        passed=$((passed + 1))
    else
        bad "wirt $*, allocation $n: exit $status: $(head -n 2 "$work/out" "$work/err")"
    fi
}

# each ARGUMENT...: what the command does with all its memory is what `good.out` and `status` hold.
each() {
    local n=1 status
    "$wirt" "$@" >"$work/good.out" 2>/dev/null </dev/null
    echo $? >"$work/status"
    while [ "$n" -lt 4000 ]; do
        rm -f "$work/mark"
        FAIL_AT=$n FAIL_MARK=$work/mark LD_PRELOAD=$shim "$wirt" "$@" >"$work/out" 2>"$work/err" </dev/null
        status=$?
        [ -e "$work/mark" ] || break
        judge "$n" "$status" "$@" 2>/dev/null
        [ ! -e "$work/defs/mem.xml" ] || grep -q '</domain>' "$work/defs/mem.xml" || bad "wirt $*, allocation $n: half a definition"
        n=$((n + stride))
    done
    [ "$n" -gt 15 ] || bad "wirt $*: only $n allocations"
}

cat >"$work/mem.xml" <<'XML'
<domain type='xen'><name>mem</name><uuid>11111111-2222-3333-4444-555555555555</uuid><memory unit='MiB'>64</memory>
<vcpu cpuset='0-1'>2</vcpu><os><type arch='x86_64' machine='xenpv'>linux</type><kernel>/boot/vmlinuz</kernel>
<cmdline>console=hvc0</cmdline></os><devices>
<disk type='file' device='disk'><source file='/a.img'/><target dev='xvda' bus='xen'/><readonly/></disk>
<interface type='bridge'><source bridge='xenbr0'/><mac address='00:16:3e:00:00:01'/></interface></devices></domain>
XML
each create --dry-run "$work/mem.xml"
each define "$work/mem.xml"
each dominfo --xml mem
each dominfo --json mem
each list --all --json
each help create
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
