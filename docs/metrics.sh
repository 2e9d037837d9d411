#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: writes the table of docs/guide/metrics.md (between its two marks) from wirtd's own, as `wirtd --list-metrics`
# prints it, and holds the dashboard against it: every name in a query of dom0-tools/grafana/wirt.json is a metric that is
# served. metrics.sh WIRTD --check says whether the page is up to date.
set -eu
export LC_ALL=C
docs=$(cd "$(dirname "$0")" && pwd)
page=$docs/guide/metrics.md
board=$docs/../dom0-tools/grafana/wirt.json
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$1" --list-metrics >"$work/table"
sed -n 's/^| `\([a-z_]*\)` | \([a-z]*\) .*/\1 \2/p' "$work/table" |
    awk '{ print $1 } $2 == "histogram" { print $1 "_bucket"; print $1 "_sum"; print $1 "_count" }' | sort >"$work/served"
jq -r '.. | objects | .expr? // empty, (.query? | strings)' "$board" | grep -o 'wirt_[a-z_]*' | sort -u >"$work/used"
[ "$(wc -l <"$work/served")" -ge 40 ] && [ "$(wc -l <"$work/used")" -ge 10 ] || { echo "too few metrics are found"; exit 1; }
missing=$(comm -13 "$work/served" "$work/used" | tr '\n' ' ')
[ -z "$missing" ] || { echo "grafana/wirt.json names metrics that are not served: $missing"; exit 1; }
awk -v table="$work/table" '
    /^<!-- table: end/ { inside = 0 }
    !inside
    /^<!-- table: begin/ { inside = 1; while ((getline line <table) > 0) print line }' "$page" >"$work/page"
if [ "${2:-}" = --check ]; then
    cmp -s "$work/page" "$page" && exit 0
    echo "docs/guide/metrics.md is older than the table of daemon/metrics.c: run docs/metrics.sh WIRTD"
    exit 1
fi
cp "$work/page" "$page"
echo "written: docs/guide/metrics.md"
