#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: writes the table at the end of docs/guide/troubleshooting.md (between its two marks): every message of the
# tools, as errors-tools.awk finds it in the sources, with the explanation that errors-tools.txt has for it. A message
# without an explanation, or an explanation without a message, is an error. errors-tools.sh --check says whether the page
# is up to date.
set -u
export LC_ALL=C
docs=$(cd "$(dirname "$0")" && pwd)
tools=${TOOLS:-$docs/../dom0-tools}
page=$docs/guide/troubleshooting.md
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

(cd "$tools" && find libwirt cli daemon -name '*.c' | sort | xargs awk -f "$docs/errors-tools.awk") >"$work/found"
awk -F '\t' '
FILENAME ~ /errors-tools\.txt$/ {
    if (/^# --- /)
        title = substr($0, 7)
    at = index($0, " => ")
    if (!at || /^#/)
        next
    key[++keys] = substr($0, 1, at - 1)
    means[keys] = substr($0, at + 4)
    section[keys] = title
    next
}
{
    for (i = 1; i <= keys; i++)
        if (substr(key[i], 1, 1) == "@" ? index($1, substr(key[i], 2)) == 1 : index($2, key[i]) || key[i] ~ /\.c$/ && index($1, key[i]))
            break
    if (i > keys) {
        print "ERROR: docs/errors-tools.txt does not explain: " $2 " (" $1 ")"
        next
    }
    fits[i]++
    text = $2
    gsub(/ \| /, "` · `", text)
    gsub(/\|/, "\\|", text)
    if (key[i] ~ /^@/ || index(said[i], "`" text "`"))
        next
    said[i] = said[i] (said[i] == "" ? "" : "<br>") "`" text "`"
}
END {
    for (i = 1; i <= keys; i++) {
        if (!fits[i]) {
            print "ERROR: no message fits docs/errors-tools.txt: " key[i]
            continue
        }
        if (section[i] != last)
            printf "\n### %s\n\n| message | meaning, and what to do |\n| --- | --- |\n", section[i]
        last = section[i]
        printf "| %s | %s |\n", said[i] == "" ? "any other" : said[i], means[i]
    }
}' "$docs/errors-tools.txt" "$work/found" >"$work/table"
if grep '^ERROR' "$work/table" >&2; then exit 1; fi
awk -v table="$work/table" '
    /^<!-- table: end/ { inside = 0 }
    !inside
    /^<!-- table: begin/ { inside = 1; while ((getline line <table) > 0) print line }' "$page" >"$work/page"
if [ "${1:-}" = --check ]; then
    cmp -s "$work/page" "$page" && exit 0
    echo "docs/guide/troubleshooting.md is older than the sources; run docs/errors-tools.sh"
    exit 1
fi
cp "$work/page" "$page"
echo "written: docs/guide/troubleshooting.md, $(wc -l <"$work/found") messages"
