#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: a dead domain stays while others hold its memory, and every command says who they are: another guest by a
# grant, a program of dom0 by a foreign mapping or a grant. When they let go it is gone. And a domain that restarts for
# ever is stopped by destroy.
. /files/lib

says_holder() {
    wirt dominfo "$1" --json | tr -d ' \n' >/run/check.out
    grep -qE "$2" /run/check.out
}
away() { ! wirt dominfo "$1"; }
warm
accounts >/run/accounts.before
micro probe wait
check create-probe create /run/xml/probe.xml
first=$(($(field probe id) + 1))
check probe-away wirt destroy probe

xml lender 4 1 "lend lender $((first + 1))" "$kit/micro.elf"
xml borrower 4 1 "borrow borrower $first" "$kit/micro.elf"
check create-lender create /run/xml/lender.xml
check lends says lender 20 'WIRT-MICRO lends'
check create-borrower create /run/xml/borrower.xml
check borrows says borrower 20 'has borrowed'
if is_wirt; then
    check_code destroy-names-borrower 7 "4 KiB of its memory: borrower \($((first + 1))\) maps 1 of its grants" wirt destroy lender
    check_code list-dying 0 "^ *$first .*dying" wirt list
    check_code list-names-borrower 0 "^ *dead; borrower \($((first + 1))\) maps 1 of its grants" wirt list
    check json-borrower says_holder "$first" "\"memory_kib\":4,.*\"holders\":\[{\"id\":$((first + 1)),\"name\":\"borrower\",\"grants\":1,\"frames\":0"
    check_code audit-names-borrower 0 "^domain $first, 4 KiB: dead; borrower" wirt audit
    check_code key-g 0 "maps entry 8 of domain $first: frame 0x[0-9a-f]+, read-only" wirt debug-keys g
    check destroy-borrower wirt destroy borrower
else
    wirt destroy lender
    check destroy-borrower wirt destroy borrower
fi
check lender-gone wait_for 10 away "$first"

micro held wait
check create-held create /run/xml/held.xml
check held-up says held 20 'WIRT-MICRO held up'
id=$(field held id)
kill -STOP "$(daemon_of wirtd)"
if is_wirt; then
    check_code destroy-names-wirtd 7 "Domain-0 \(0\) maps 1 of its frames: wirtd $(daemon_of wirtd)" wirt destroy held
    check json-wirtd says_holder "$id" '"id":0,"name":"Domain-0","grants":0,"frames":1,"by":"wirtd'
else
    wirt destroy held
fi
kill -CONT "$(daemon_of wirtd)"
check held-gone wait_for 20 away "$id"

micro loops reboot '<on_reboot>restart</on_reboot>'
check create-loops create /run/xml/loops.xml
check loop-waits wait_for 60 sh -c "wirt list | grep -q '^ *- *loops  *restarting'"
check loop-listed wait_for 60 sh -c "wirt list | grep -qE 'starts again in [0-9]+ s; wirt destroy loops ends that'"
check_code loop-says-how 0 'quick end number [0-9]+ in a row \(wirt destroy loops ends that\)' wirt log loops
check_code loop-ended 0 'domain loops: it is not started again' wirt destroy loops
check_code loop-ended-again 3 'no such domain' wirt destroy loops
sleep 5
check loop-over is_gone loops
accounts_same zombies-leave-nothing /run/accounts.before
audit audit-end
checks_end
