#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: writes the commands' section of wirt.1 (between its two marks) from the table of commands, as `wirt help
# --json` gives it. commands.sh WIRT --check says whether the page is up to date.
set -eu
export LC_ALL=C
page=$(dirname "$0")/wirt.1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$1" help --json | jq -r '
    def roff: gsub("\\\\"; "\\e") | gsub("-"; "\\-") | gsub("(?m)^(?<c>[.'"'"'])"; "\\&" + .c);
    def sentence: (.[0:1] | ascii_upcase) + .[1:] + ".";
    .[] |
    ".TP\n.BR " + (["wirt \(.name)" | roff | "\"" + . + "\""][0]) +
    (if .options | length > 0 then " \" [OPTIONS]\"" else "" end) +
    (if .arguments != "" then " \" \(.arguments | roff)\"" else "" end) + "\n" +
    (.help | sentence | roff) + "\n" +
    (if .more then (.more | roff) + "\n" else "" end) +
    ([.options[] | ".br\n\\fB\\-\(.letter)\\fR, \\fB\\-\\-\(.name | roff)\\fR" +
        (if .value then " \\fI\(.value)\\fR" else "" end) + ": \(.help | roff)\n"] | add // "") +
    ".br\nJSON: \(.json | roff)."' >"$work/table"
awk -v table="$work/table" '
    /^\.\\" commands: end/ { inside = 0 }
    !inside
    /^\.\\" commands: begin/ { inside = 1; while ((getline line <table) > 0) print line }' "$page" >"$work/page"
if [ "${2:-}" = --check ]; then
    cmp -s "$work/page" "$page" && exit 0
    echo "man/wirt.1 is older than the table of commands: run dom0-tools/man/commands.sh WIRT"
    exit 1
fi
cp "$work/page" "$page"
echo "written: man/wirt.1"
