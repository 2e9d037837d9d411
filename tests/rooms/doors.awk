# SPDX-License-Identifier: MIT
# Theory: calls go up only through declared doors. A door needs a pointer to a function, so every pointer to a function
# in a header (a field, a variable, a parameter, a typedef) has its line in doors.txt, which says who calls whom; and
# the tables of the ways to run, vcpu_ops and dom_ops, have at most 16 entries in all. Reads doors.txt, then headers.
function verdict(kind, subject, text) {
    print kind "\t" subject "\t" (text == "" ? "ok" : text)
}
FILENAME ~ /doors\.txt$/ {
    if ($0 !~ /^#/ && NF) {
        known[$1] = 1
        if (NF < 4)
            verdict("door", $1, "doors.txt does not say who calls whom")
    }
    next
}
/struct (vcpu|dom)_ops \{/ { is_ops = 1 }
/^}/ { is_ops = 0 }
{
    line = $0
    sub(/\/\*.*/, "", line)
    if (line ~ /^typedef [^(]*[a-z_0-9]+\(/ && line !~ /\(\*/) {
        match(line, /[a-z_0-9]+\(/)
        found[FILENAME ":" substr(line, RSTART, RLENGTH - 1)] = 1
    }
    while (match(line, /\(\*(const )?[a-z_0-9]+\)\(/)) {
        name = substr(line, RSTART + 2, RLENGTH - 4)
        sub(/^const /, "", name)
        found[FILENAME ":" name] = 1
        entries += is_ops
        line = substr(line, RSTART + RLENGTH)
    }
}
END {
    for (door in found)
        verdict("door", door, door in known ? "" : "a pointer to a function that doors.txt does not declare")
    for (door in known)
        if (!(door in found))
            verdict("door", door, "doors.txt declares it, but there is none")
    verdict("door", "vcpu_ops+dom_ops", entries > 16 ? entries " entries; 16 are allowed" : "")
}
