# SPDX-License-Identifier: MIT
# Theory: one section of ERRORS.md. Reads errors.txt ("message => explanation", in groups that begin with "# --- name"),
# then the messages found; prints rows in the order of errors.txt, messages that share an explanation together.
FILENAME ~ /errors\.txt$/ {
    if (/^# --- /)
        part = $3
    if (part != group || /^#/ || !/ => /)
        next
    at = index($0, " => ")
    key[++keys] = substr($0, 1, at - 1)
    means[keys] = substr($0, at + 4)
    next
}
FNR == 1 { FS = "\t"; $0 = $0 }
{
    split($0, field, "\t")
    if (field[1] != group)
        next
    text = field[3]
    for (i = 1; i <= keys; i++) {
        prefix = key[i]
        if (sub(/\*$/, "", prefix) ? index(text, prefix) == 1 : text == prefix)
            break
    }
    if (i > keys) {
        print "ERROR: docs/errors.txt does not explain: " text " (" field[2] ")"
        next
    }
    fits[i] = 1
    if (!((i, text) in said)) {
        said[i, text] = 1
        shown = text
        gsub(/\|/, "\\|", shown)
        list[i] = list[i] (list[i] == "" ? "" : "<br>") "`" shown "`"
    }
    if (index(" " where[i] ",", " " field[2] ",") == 0)
        where[i] = where[i] (where[i] == "" ? "" : ", ") field[2]
}
END {
    print "| message | meaning, and what to do | from |\n| --- | --- | --- |"
    for (i = 1; i <= keys; i++)
        if (i in fits)
            printf "| %s | %s | %s |\n", list[i], means[i], where[i]
        else
            print "ERROR: docs/errors.txt explains what nobody says: " key[i]
}
