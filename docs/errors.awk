# SPDX-License-Identifier: MIT
# Theory: finds the messages that end a boot, a machine or a domain in the C and assembly sources: the string, joined from
# its pieces, that follows one of the calls below. Prints "group TAB file TAB message". A cause is a string that a caller
# puts into such a message instead of %s.
function group_of(text) {
    if (text ~ /(^|[^a-z_])boot_fail\(/)
        return "boot"
    if (text ~ /(^|[^a-z_])panic\(/)
        return "panic"
    if (text ~ /(^|[^a-z_])domain_crash\(/)
        return "crash"
    if (text ~ /(mbi|elf|unpack|cmdline)_error\(/)
        return "cause"
    if (FILENAME ~ /^boot\// && FILENAME !~ /cmdline|boot\/uart/ && text ~ /return "[^"]* /)
        return "cause"
    if (FILENAME ~ /boot\/cmdline\.c/ && text ~ /fmt\(message, /)
        return "cause"
    return ""
}
function opener(text) {
    if (match(text, /(boot_fail|panic|domain_crash|(mbi|elf|unpack|cmdline)_error|return) *\(?/))
        return substr(text, RSTART + RLENGTH)
    return text
}
# Take the string literals off the front of what is left; "" when the statement ended without one.
function take(text) {
    while (1) {
        if (!in_string && match(text, /^[^"]*"/)) {
            before = substr(text, 1, RLENGTH - 1)
            if (got != "" && before !~ /^[ \t]*$/ && before !~ /^[ \t]*WIRT_VERSION[ \t]*$/)
                return 1
            text = substr(text, RLENGTH + 1)
            match(text, /^([^"\\]|\\.)*/)
            got = got substr(text, 1, RLENGTH)
            text = substr(text, RLENGTH + 2)
        } else {
            return text ~ /[;,)]/ && got != "" ? 1 : text ~ /;/ ? 1 : 0
        }
    }
}
/^#/ || /^[a-z_].*\(const char \*format/ { next }
FNR == 1 { group = "" }
FILENAME ~ /\.S$/ && /\.asciz/ && /Wirt: / {
    match($0, /"[^"]*"/)
    text = substr($0, RSTART + 1, RLENGTH - 2)
    gsub(/\\r|\\n/, "", text)
    sub(/^\(WIRT\) Wirt: /, "", text)
    print "early\t" FILENAME "\t" text
    next
}
{
    rest = $0
    sub(/^ *\/?\*.*/, "", rest)
    if (group == "") {
        group = group_of(rest)
        if (group == "")
            next
        got = ""
        rest = opener(rest)
    }
    if (take(rest)) {
        gsub(/\\"/, "\"", got)
        if (got != "")
            print group "\t" FILENAME "\t" got
        group = ""
    }
}
