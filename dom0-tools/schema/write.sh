#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: writes domain.rng, and the table of elements in man/wirt-domain.5 (between its two marks), from the table of
# rules in libwirt/config_rules.c. write.sh --check says whether both are up to date.
set -eu
export LC_ALL=C
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -I../libwirt -isystem /usr/include/libxml2 -o "$work/schema" \
    schema.c ../libwirt/config_rules.c ../libwirt/config_value.c
"$work/schema" rng >"$work/domain.rng"
"$work/schema" man >"$work/table"
page=../man/wirt-domain.5
awk -v table="$work/table" '
    /^\.\\" table: end/ { inside = 0 }
    !inside
    /^\.\\" table: begin/ { inside = 1; while ((getline line <table) > 0) print line }' "$page" >"$work/page"

if [ "${1:-}" = --check ]; then
    bad=0
    cmp -s "$work/domain.rng" domain.rng || bad=1
    cmp -s "$work/page" "$page" || bad=1
    [ "$bad" = 0 ] || echo "schema/domain.rng or man/wirt-domain.5 is older than config_rules.c: run dom0-tools/schema/write.sh"
    exit "$bad"
fi
cp "$work/domain.rng" domain.rng
cp "$work/page" "$page"
echo "written: schema/domain.rng, man/wirt-domain.5"
