#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: a test that cannot fail is a defect. Puts one small mistake at a time, of the kinds that hypervisors have been
# broken by, into a copy of the sources (mutants.tsv), and runs the model: it must find each within SEEDS x OPS
# operations. The sources without a mistake come first and must pass; a mistake that changes nothing (the sources
# have moved on) or does not compile is a failure of its own. mutate.sh BUILD-DIRECTORY SOURCES; ONLY=regex picks,
# MODEL=grants takes the model in that directory.
set -u
export LC_ALL=C
cd "$(dirname "$0")/${MODEL:-.}" || exit 1
out=$(mkdir -p "$1" && cd "$1" && pwd) tree=$(cd "$2" && pwd)
seeds=${SEEDS:-3} ops=${OPS:-130000} passed=0 failed=0
copy=$out/src

fail() {
    failed=$((failed + 1))
    printf 'FAILED %s: %s\n' "$name" "$1"
}

build() {
    rm -f "$out/model"
    make --no-print-directory O="$out" TREE="$copy" SRC="$copy" all >"$out/build.log" 2>&1
}

rm -rf "$copy"
mkdir -p "$copy"
cp -r "$tree"/. "$copy"
name='no mistake'
if ! build; then
    fail "does not compile: $(grep -m 1 -E 'error|No rule' "$out/build.log")"
elif timeout 300 "$out/model" "$seeds" "$ops" >"$out/run.log" 2>&1; then
    passed=1
    printf 'ok     no mistake, nothing found\n'
else
    fail "$(grep -m 1 -aE 'FAILED|ERROR|runtime error' "$out/run.log")"
fi
if [ "$passed" = 0 ]; then
    echo 'Without a mistake it does not pass: the rest would prove nothing.'
    echo '0 passed, 1 failed'
    exit 1
fi
while IFS=$'\t' read -r file name edit; do
    [[ -z $file || $file = \#* ]] && continue
    [[ "$file $name" =~ ${ONLY:-.} ]] || continue
    sed -E "$edit" "$tree/$file" >"$copy/$file"
    if cmp -s "$tree/$file" "$copy/$file"; then
        fail "the edit finds no place in $file"
    elif ! build; then
        fail "does not compile: $(grep -m 1 'error:' "$out/build.log")"
    else
        started=$SECONDS
        timeout 240 "$out/model" "$seeds" "$ops" >"$out/run.log" 2>&1
        case $? in
        0) fail "$seeds x $ops operations found nothing" ;;
        124) fail 'the model hangs' ;;
        *)
            passed=$((passed + 1))
            printf 'ok     %s: %s: %s (%d s)\n' "$file" "$name" \
                "$(grep -m 1 -aoE 'FAILED: .*|ERROR: Addr.*|runtime error.*|FAILED \(signal.*' "$out/run.log" | cut -c 1-90)" \
                $((SECONDS - started))
            ;;
        esac
    fi
    cp "$tree/$file" "$copy/$file"
done <mutants.tsv
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 1 ]
