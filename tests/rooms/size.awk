# SPDX-License-Identifier: MIT
# Theory: counts code lines: what is left of a line without comments and blanks. Prints "total TAB core TAB n" and
# "... boot ...", one "room" line for each room, one "file" line for each file and one "function" line for each function,
# all with their lines; "init" lines say how much of a room is in functions that are freed after boot (__init).
# Functions as in source.awk. A room's own folders (boot/decompress) count as the room's part.
function bare(line,    out, at) {
    out = ""
    for (;;) {
        if (in_comment) {
            at = index(line, "*/")
            if (!at)
                return out
            line = substr(line, at + 2)
            in_comment = 0
        }
        at = match(line, /\/\*|\/\/|"([^"\\]|\\.)*"|'([^'\\]|\\.)'/)
        if (!at)
            return out line
        out = out substr(line, 1, at - 1)
        if (substr(line, at, 2) == "//")
            return out
        in_comment = substr(line, at, 2) == "/*"
        if (!in_comment)
            out = out substr(line, at, RLENGTH)
        line = substr(line, at + (in_comment ? 2 : RLENGTH))
    }
}
FNR == 1 {
    in_comment = started = 0
    room = FILENAME
    sub(/\/[^\/]*$/, "", room)
}
{
    text = bare($0)
    is_code = text !~ /^[ \t\\]*$/
    rooms[room] += is_code
    files[FILENAME] += is_code
}
/^[A-Za-z_]/ && !started { name = $0; count = 0; is_init = 0 }
!started && /__init( |$)/ { is_init = 1 }
{ count += is_code }
/^{/ { started = 1 }
/^}/ && started {
    started = 0
    if (is_init)
        init[room] += count
    if (match(name, /[A-Za-z_0-9]+\(/))
        printf "function\t%s %s\t%d\n", FILENAME, substr(name, RSTART, RLENGTH - 1), count
}
END {
    for (room in rooms) {
        printf "room\t%s\t%d\n", room, rooms[room]
        printf "init\t%s\t%d\n", room, init[room]
        if (room ~ /^boot/)
            boot += rooms[room]
        else if (room !~ /^include/)
            core += rooms[room]
        if (room !~ /^(boot|include)/)
            freed += init[room]
    }
    for (file in files)
        printf "file\t%s\t%d\n", file, files[file]
    printf "total\tpv\t%d\n", core - rooms["hvm"] - files["call/domctl_hvm.c"] - files["call/hvm_op.c"]
    printf "total\tcore\t%d\ntotal\tboot\t%d\ntotal\tfreed\t%d\n", core, boot, freed
}
