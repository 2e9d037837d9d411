# SPDX-License-Identifier: MIT
# Theory: counts verdicts. A failure whose subject stands in exceptions.txt ("kind subject reason", a subject may end in
# "*") passes; an exception without a reason, or one that no failure needed, fails, so that the list stays short and
# true. The last line is what tests/run.sh adds up.
BEGIN { FS = "\t" }
FILENAME ~ /exceptions\.txt$/ {
    if ($0 ~ /^#/ || $0 ~ /^[ \t]*$/)
        next
    split($0, word, /[ \t]+/)
    key = word[1] "\t" word[2]
    excused[key] = 1
    if (word[4] == "")
        fail("exception", word[1] " " word[2], "has no reason")
    next
}
function fail(kind, subject, text) {
    printf "FAIL %-9s %s: %s\n", kind, subject, text
    failed++
}
function excuse(kind, subject,    key, prefix) {
    if ((kind "\t" subject) in excused) {
        used[kind "\t" subject] = 1
        return 1
    }
    for (key in excused)
        if (key ~ /\*$/ && index(kind "\t" subject, substr(key, 1, length(key) - 1)) == 1) {
            used[key] = 1
            return 1
        }
    return 0
}
NF != 3 { fail("checker", "line " FNR, "not a verdict: " $0); next }
{
    seen[$1]++
    if ($3 == "ok" || excuse($1, $2))
        passed++
    else
        fail($1, $2, $3)
}
END {
    for (key in excused)
        if (!(key in used)) {
            sub(/\t/, " ", key)
            fail("exception", key, "excuses nothing; take it out of exceptions.txt")
        }
    split("include call prefix function length switch top alone format door locks size docs", kinds, " ")
    for (i = 1; i in kinds; i++) # a check that looked at nothing is broken
        if (!seen[kinds[i]])
            fail("checker", kinds[i], "looked at nothing")
        else
            summary = summary sprintf("%s %d  ", kinds[i], seen[kinds[i]])
    print "checked: " summary
    printf "%d passed, %d failed\n", passed, failed
    exit failed != 0
}
