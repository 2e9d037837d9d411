# SPDX-License-Identifier: MIT
# Theory: what can be told from the text of one source file at a time: where its includes point, how long its
# functions are, preprocessor switches, and the comment at its top. A function is what stands between "{" and "}" in
# the first column, counted from its first line; the style makes that exact. Needs rank.awk.
BEGIN {
    FS = " "
    FUNCTION_MAX = 60
    standard = "|stdarg.h|stdbool.h|stddef.h|stdint.h|limits.h|"
}

function finish() {
    if (file == "")
        return
    verdict("include", file, include_wrong)
    if (!is_public)
        verdict("switch", file, switch_wrong)
    verdict("top", file, top_wrong())
}

# A .c or .S file has a theory of at least 25 words (three lines' worth, however wide they are set) and at most 8 lines;
# a header may say what it is in one.
function top_wrong() {
    if (!has_spdx)
        return "its first comment has no SPDX-License-Identifier: MIT"
    if (text_lines < 1 || (file !~ /\.h$/ && words < 25))
        return "the comment at its top has " words " words; the theory of a file takes 25 at least"
    return text_lines > 8 && !is_public ? "the comment at its top has " text_lines " lines; 8 are allowed" : ""
}

FNR == 1 {
    finish()
    file = FILENAME
    here = room(file)
    is_public = file ~ /^include\/public\//
    include_wrong = switch_wrong = ""
    has_spdx = 0
    text_lines = words = top_state = 0 # 0 before the comment, 1 inside, 2 behind
    guard = toupper(file)
    gsub(/[\/.]/, "_", guard)
    sub(/^INCLUDE_/, "", guard)
    guard = "WIRT_" guard
    started = 0
}
FNR <= 2 && /SPDX-License-Identifier: MIT/ { has_spdx = 1 }

# The theory: the first comment that is not the SPDX line itself.
top_state < 2 {
    line = $0
    if (top_state == 0 && line !~ /^[ \t]*$/ && line !~ /SPDX.*\*\//)
        top_state = line ~ /^\/\*/ ? 1 : 2
    if (top_state == 1) {
        bare = line
        gsub(/\/\*+|\*\/|^[ \t]*\*+/, "", bare)
        count = split(bare, word, /[ \t]+/)
        for (i = 1; i <= count; i++)
            words += word[i] != ""
        text_lines += bare !~ /^[ \t]*$/
        if (line ~ /\*\//)
            top_state = 2
    }
}

/^[ \t]*#[ \t]*include/ {
    target = $0
    sub(/^[ \t]*#[ \t]*include[ \t]*/, "", target)
    kind = substr(target, 1, 1)
    sub(/^["<]/, "", target)
    sub(/[">].*/, "", target)
    why = ""
    if (kind == "<") {
        if (index(standard, "|" target "|") == 0 && here != "boot" && file != "lib/string.h")
            why = "<" target "> is not for the hypervisor"
    } else if (is_public) {
        if (target ~ /\// && target !~ /^public\//)
            why = "\"" target "\" is not public"
    } else if (target !~ /^public\// && target != "offsets.h") { # offsets.h is made from pv/offsets.c
        direction = wrong_way(here, room(target))
        if (direction != "")
            why = "\"" target "\" points " direction
    } else if (target == "offsets.h" && here != "pv" && here != "hvm") {
        why = "offsets.h belongs to pv"
    }
    if (why != "")
        include_wrong = include_wrong (include_wrong == "" ? "" : "; ") why " (line " FNR ")"
}

/^[ \t]*#[ \t]*(if|elif)/ && !is_public && here != "lib" {
    line = $0
    gsub(/__ASSEMBLER__|WIRT_HOST|WIRT_DEBUG/, "", line)
    sub("^#ifndef " guard "$", "", line)
    gsub(/[ \t]*#[ \t]*(ifdef|ifndef|if|elif)|defined|[ \t!()|&]/, "", line)
    if (line != "" && switch_wrong == "")
        switch_wrong = "line " FNR ": configuration switch " $0
}

# Functions: remember the first line of whatever begins in column one.
/^[A-Za-z_]/ && !started { first = FNR; name = $0 }
/^{/ { started = 1 }
/^}/ && started {
    started = 0
    if (match(name, /[A-Za-z_0-9]+\(/))
        name = substr(name, RSTART, RLENGTH - 1)
    n = FNR - first + 1
    verdict("function", file ":" name, n > FUNCTION_MAX ? n " lines; " FUNCTION_MAX " are allowed" : "")
}
!started && (/;[ \t]*(\/\*.*)?$/ || /^$/) { first = 0 }
END { finish() }
