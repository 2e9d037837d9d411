# SPDX-License-Identifier: MIT
# Theory: the same rule once more, on what the compiler made: an undefined symbol of an object must be defined in its
# own room or below, and a global symbol begins with its file's noun. Reads the names of hypercalls, then the list of
# symbols twice: first to learn who defines what, then to judge. Needs rank.awk.
FNR == 1 { pass++ }
pass == 1 { is_hypercall[$1] = 1; next }
pass == 2 { if ($2 != "U") defined[$3] = $1; next }

# "a" or "a_..." for the noun a.
function begins(symbol, noun) {
    return symbol == noun || index(symbol, noun "_") == 1
}

# The nouns of a file a_b_c: a, a_b, a_b_c. In pv all of it behind pv_, in call and hvm behind call_ and hvm_ as well. Assembly files and
# main.c speak for their room. PERCPU(type, x) makes percpu_x.
function fits(file, symbol) {
    return fits_plain(file, symbol) || (sub(/^percpu_/, "", symbol) && fits_plain(file, symbol))
}
function fits_plain(file, symbol,    base, here, part, count, noun, bare, i) {
    here = room(file)
    base = file
    sub(/.*\//, "", base)
    bare = base
    sub(/\.[cS]$/, "", bare)
    if ((base ~ /\.S$/ || base == "main.c") && begins(symbol, here))
        return 1
    if (here == "call" || here == "pv")
        if (begins(symbol, here) && substr(symbol, length(here) + 2) in is_hypercall)
            return 1 # a handler has its hypercall's name
    if (here == "pv") {
        if (!begins(symbol, "pv"))
            return 0
        symbol = substr(symbol, 4)
    } else if ((here == "call" || here == "hvm") && begins(symbol, here) && begins(bare, here) == 0) {
        symbol = substr(symbol, length(here) + 2)
    }
    count = split(bare, part, "_")
    for (i = 1; i <= count; i++) {
        noun = noun (i > 1 ? "_" : "") part[i]
        if (begins(symbol, noun))
            return 1
    }
    return 0
}

$2 == "U" {
    if (!($3 in defined))
        next # the linker script's, or a library's
    direction = wrong_way(room($1), room(defined[$3]))
    verdict("call", $1 ":" $3, direction == "" ? "" : "points " direction " to " defined[$3])
    next
}
{ verdict("prefix", $1 ":" $3, fits($1, $3) ? "" : "a global symbol of " $1 " begins with its file's noun") }
