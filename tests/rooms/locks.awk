# SPDX-License-Identifier: MIT
# Theory: docs/LOCKS.md against the enum of core/lock.h, both ways: each rank has a row with its number, no row names a
# rank that is gone, and a row says "unused" exactly when no source file makes a lock of that rank; otherwise every file
# that makes one is named in the row. Reads lock.h, LOCKS.md, then all .c files.
function verdict(subject, text) {
    print "locks\t" subject "\t" (text == "" ? "ok" : text)
}
FILENAME ~ /core\/lock\.h$/ {
    if (match($0, /RANK_[A-Z_]+ = 0x[0-9a-f]+/)) {
        split(substr($0, RSTART, RLENGTH), p, " = ")
        number[p[1]] = p[2]
    }
    next
}
FILENAME ~ /LOCKS\.md$/ {
    if (match($0, /^\| 0x[0-9a-f]+ \| `RANK_[A-Z_]+`/)) {
        split($0, p, /[ |`]+/)
        row[p[3]] = $0
        row_number[p[3]] = p[2]
    }
    next
}
{
    line = $0
    sub(/\/[\/*].*/, "", line)
    if (line ~ /LOCK_INIT\(|lock_init\(/ && match(line, /RANK_[A-Z_]+/)) {
        rank = substr(line, RSTART, RLENGTH)
        if (index(" " made_in[rank] " ", " " FILENAME " ") == 0)
            made_in[rank] = made_in[rank] " " FILENAME
    }
}
END {
    for (rank in number) {
        why = ""
        if (!(rank in row))
            why = "LOCKS.md has no row for it"
        else if (row_number[rank] != number[rank])
            why = "LOCKS.md says " row_number[rank] ", core/lock.h " number[rank]
        else if ((row[rank] ~ /unused/) != (made_in[rank] == ""))
            why = made_in[rank] == "" ? "no file makes such a lock, and LOCKS.md does not say unused" \
                                      : "LOCKS.md says unused, but" made_in[rank] " makes one"
        count = split(made_in[rank], file, " ")
        for (i = 1; i <= count && why == ""; i++)
            if (index(row[rank], file[i]) == 0)
                why = file[i] " makes such a lock, LOCKS.md does not say so"
        verdict(rank, why)
    }
    for (rank in row)
        if (!(rank in number))
            verdict(rank, "LOCKS.md has a row for it, core/lock.h does not")
}
