# SPDX-License-Identifier: MIT
#
# Reads `cc -E -dD` of all our public headers and writes the list of checks: one
# line per constant, text, typedef, struct and field, in file order. It owns
# completeness: a name that it cannot classify ends the run with exit 2, so
# nothing that the headers promise escapes the referee in silence.
#
# Needs -v pub=DIR (only text from there counts), -v exceptions=FILE (name and
# reason) and -v macros=FILE (a MACRO line for every macro with arguments).

function die(why) {
    printf "extract.awk: %s\n", why > "/dev/stderr"
    broken = 1
    exit 2
}

function emit(kind, args, name) {
    if (name in reason) {
        used[name] = 1
        return
    }
    print kind "(" args ")"
}

BEGIN {
    while ((getline line < exceptions) > 0) {
        if (line ~ /^#/ || line ~ /^[ \t]*$/)
            continue
        split(line, word, /[ \t]+/)
        if (line !~ /^[A-Za-z_][A-Za-z0-9_.]*[ \t]+[^ \t]/)
            die("an exception without a reason: " line)
        reason[word[1]] = line
    }
    while ((getline line < macros) > 0)
        if (match(line, /^MACRO\([A-Za-z0-9_]+/))
            exercised[substr(line, 7, RLENGTH - 6)] = 1
    depth = 0
}

# A line marker: text that follows comes from that file.
/^# [0-9]+ "/ {
    file = $3
    gsub(/"/, "", file)
    ours = index(file, pub "/") == 1
    next
}

!ours { next }

/^#define / {
    name = $2
    if (name ~ /^WIRT_PUBLIC_[A-Z0-9_]+_H$/)
        next
    if (name ~ /\(/) {
        sub(/\(.*/, "", name)
        if (name in reason)
            used[name] = 1
        else if (!(name in exercised))
            die("no MACRO line exercises " name)
        next
    }
    value = $0
    sub(/^#define [^ ]+ */, "", value)
    if (value == "")
        die("a #define without a value: " name)
    emit(value ~ /^"/ ? "TEXT" : "CONST", name, name)
    next
}

/^#undef / { die("#undef in a public header: " $2) }
/^#/ { next }

# Declarations: collect tokens until a statement is whole.
{
    gsub(/[{};,\[\]]/, " & ")
    n = split($0, token, " ")
    for (i = 1; i <= n; i++)
        take(token[i])
}

# State: path[1..depth] are the names of the enclosing aggregates, known only at
# their closing brace; so fields wait in a buffer with the depth they were seen at.
function take(t) {
    if (depth == 0 && stmt_len == 0 && t == ";" && !closing)
        return
    stmt[++stmt_len] = t
    if (t == "{") {
        if (depth == 0) {
            if (stmt_len != 3 || stmt[1] != "struct")
                die("only named structs may stand at file level: " join(1, stmt_len))
            tag = stmt[2]
            wait_len = 0
        } else if (stmt_len != 2 || (stmt[1] != "struct" && stmt[1] != "union")) {
            die("an inner aggregate with a tag in " tag ": " join(1, stmt_len))
        }
        depth++
        opened[depth] = wait_len
        closing = 0
        stmt_len = 0
    } else if (t == "}") {
        if (stmt_len != 1)
            die("a field without ';' in " tag)
        depth--
        closing = 1
        stmt_len = 0
    } else if (t == ";") {
        finish()
        closing = 0
        stmt_len = 0
    }
}

function join(a, b,    s) {
    for (s = ""; a <= b; a++)
        s = s " " stmt[a]
    return s
}

function finish(    k, name, flex) {
    if (depth == 0) {
        if (closing) {
            if (stmt_len != 1)
                die("a name after struct " tag)
            emit("STRUCT", tag, tag)
            for (k = 1; k <= wait_len; k++)
                emit(kind[k], tag ", " wait[k], tag "." wait[k])
        } else if (stmt[1] == "typedef") {
            emit("TYPE", stmt[3], stmt[3])
        } else {
            die("neither struct nor typedef:" join(1, stmt_len))
        }
        return
    }
    for (k = 1; k <= stmt_len && stmt[k] != "["; k++)
        if (stmt[k] ~ /[*(),:]/)
            die("one plain field per line in " tag ":" join(1, stmt_len))
    if (closing) { # "} name ;": the fields seen since the brace live under that name
        if (stmt_len != 2)
            die("an aggregate without one name in " tag ":" join(1, stmt_len))
        name = stmt[1]
        for (k = opened[depth + 1] + 1; k <= wait_len; k++)
            wait[k] = name "." wait[k]
    } else {
        k = stmt_len - 1
        flex = stmt[k] == "]" && stmt[k - 1] == "["
        while (stmt[k] == "]") {
            while (stmt[k] != "[")
                k--
            k--
        }
        name = stmt[k]
    }
    wait_len++
    wait[wait_len] = name
    kind[wait_len] = flex ? "FLEX" : "FIELD"
}

END {
    if (broken)
        exit 2
    if (depth != 0)
        die("a struct that does not end: " tag)
    for (name in reason)
        if (!(name in used))
            die("exceptions.list names what the headers do not have: " name)
}
