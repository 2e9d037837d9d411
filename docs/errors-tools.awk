# SPDX-License-Identifier: MIT
# Theory: finds the messages of the tools: each call of a function whose name ends in "fail" or "fail_errno" (or is
# no_way, bad_...), up to the end of its statement, and in it the string literals, joined where they stand side by side.
# Prints "file TAB literal | literal | ...", without those that are no sentence (a printf format of names alone).
function flush_call(    i, out, text) {
    out = ""
    while (match(call, /"([^"\\]|\\.)*"([ \t]*"([^"\\]|\\.)*")*/)) {
        text = substr(call, RSTART, RLENGTH)
        call = substr(call, RSTART + RLENGTH)
        gsub(/"[ \t]*"/, "", text)
        text = substr(text, 2, length(text) - 2)
        gsub(/\\"/, "\"", text)
        gsub(/\\\\/, "\\", text)
        if (text ~ /[a-z][a-z]/)
            out = out (out == "" ? "" : " | ") text
    }
    if (out != "")
        print FILENAME "\t" out
    call = ""
    inside = 0
}
FNR == 1 { inside = 0; call = "" }
/^[ \t]*(\/\*|\*|\/\/)/ { next }
/^#/ { next }
{
    line = $0
    if (!inside) {
        if (line ~ /^(static |int |[a-z].*\) *$)/ && line !~ /;/)
            next
        if (match(line, /(^|[^a-z_])([a-z_]*fail(_errno|_at|_text|_offset)?|no_way)\(/)) {
            inside = 1
            line = substr(line, RSTART)
        } else {
            next
        }
    }
    call = call " " line
    if (line ~ /;[ \t]*(\/\*.*\*\/)?$/)
        flush_call()
}
