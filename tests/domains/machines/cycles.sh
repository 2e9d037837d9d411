#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: many micro-guests, one after the other and at once, and the accounts before and after. wirt.cycles on the
# command line says how many (50).
. /files/lib
cycles=$(sed -n 's/.*wirt\.cycles=\([0-9]*\).*/\1/p' /proc/cmdline)
cycles=${cycles:-50}

micro cycle wait
warm
for round in 1 2 3; do wirt create /run/xml/cycle.xml >/run/out 2>&1 && wirt destroy cycle >/run/out 2>&1; done
sleep 1
accounts >/run/accounts.before
start=$(seconds) failures=0
for round in $(seq "$cycles"); do
    wirt create /run/xml/cycle.xml >/run/out 2>&1 && wirt destroy cycle >/run/out 2>&1 || {
        failures=$((failures + 1))
        [ "$failures" -gt 3 ] || sed 's/^/  | /' /run/out
    }
    # When a leak began is worth knowing.
    [ $((round % 250)) = 0 ] && echo "cycles: $round so far, in $(($(seconds) - start)) s" &&
        accounts_same "cycles-$round" /run/accounts.before
done
echo "cycles: $cycles in $(($(seconds) - start)) s"
equal cycles "$failures" 0
accounts_same cycles-leave-nothing /run/accounts.before

# Power-off by the guest itself: wirtd tidies up.
failures=0
micro quick ''
for round in $(seq $((cycles / 10))); do
    wirt create /run/xml/quick.xml >/run/out 2>&1 && wait_for 20 is_gone quick || failures=$((failures + 1))
done
equal quick "$failures" 0

# Thirty at once.
for n in $(seq 30); do
    micro "m$n" wait
    wirt create "/run/xml/m$n.xml" >/run/out 2>&1 || sed 's/^/  | /' /run/out
done
equal thirty "$(wirt list --names | grep -c '^m')" 30
check thirty-said says m30 10 'WIRT-MICRO m30 up'
audit audit-thirty
for n in $(seq 30); do wirt destroy "m$n" >/dev/null 2>&1; done
equal none "$(wirt list --names | grep -c '^m')" 0
accounts_same thirty-leave-nothing /run/accounts.before
audit audit-end
checks_end
