# SPDX-License-Identifier: MIT
# Theory: reads the public headers for numbers, the handlers' files for the commands that they tell apart, who may give
# them and what becomes of them, and call/table.c, last, for the rows; then prints the sections in the order of the
# numbers. A command counts when it has a row of CALL_SUB, CALL_ACCEPT or REPLY, is a case label or is compared with.
BEGIN {
    split("mmu_update MMU_ mmuext_op MMUEXT_ callback_op CALLBACKTYPE_ set_segment_base SEGBASE_ " \
          "sched_op SCHEDOP_ vcpu_op VCPUOP_ event_channel_op EVTCHNOP_ memory_op XENMEM_ " \
          "physdev_op PHYSDEVOP_ platform_op XENPF_ xen_version XENVER_ console_io CONSOLEIO_ sysctl XEN_SYSCTL_ " \
          "domctl XEN_DOMCTL_ vm_assist VMASST_TYPE_ grant_table_op GNTTABOP_ hvm_op HVMOP_", pair, " ")
    for (i = 1; i in pair; i += 2)
        prefix[pair[i]] = pair[i + 1]
    order[++orders] = "MMU_NORMAL_PT_UPDATE\tpv/mmu_update.c\tpv_mmu_update" # what the other two are not
}

FILENAME ~ /^include\// {
    if ($1 == "#define" && $2 ~ /^[A-Z_]+[A-Za-z0-9_]*$/ && $3 ~ /^\(?(0x)?[0-9a-fA-F]+[uUlL]*\)?$/) {
        value = $3
        gsub(/[()uUlL]/, "", value)
        number[$2] = value
    }
    next
}

function token_of(text) {
    return match(text, /[A-Z][A-Z_]*_[A-Za-z0-9_]+/) ? substr(text, RSTART, RLENGTH) : ""
}

# Which file and function we are in; labels of a switch wait for the statement that answers them.
FILENAME ~ /^(call|pv)\// && FILENAME !~ /table\.c$/ {
    if (FNR == 1) {
        fn = ""
        waiting = 0
    }
    if (/^[a-z].*\(/ && match($0, /[a-z_0-9]+\(/)) {
        fn = substr($0, RSTART, RLENGTH - 1)
        if ($1 == "s64")
            file_of[fn] = FILENAME
    }
    line = $0
    sub(/\/\*.*/, "", line)
    note = ""
    if (match($0, /\/\* .* \*\//))
        note = substr($0, RSTART + 3, RLENGTH - 6)
    if (line ~ /^ *(CALL_SUB|CALL_ACCEPT|REPLY)\([A-Z]/) {
        for (rest = line; match(rest, /(CALL_SUB|CALL_ACCEPT|REPLY)\([A-Z]+_[A-Za-z0-9_]+/); rest = substr(rest, RSTART + RLENGTH)) {
            name = substr(rest, RSTART, RLENGTH)
            sub(/.*\(/, "", name)
            order[++orders] = name "\t" FILENAME "\t" fn
            if (line ~ /CALL_ACCEPT/)
                refused[name FILENAME] = "accepted, there is nothing to do"
            if (line ~ /CALL_ACCEPT|CALL_(TUNE|LIFE|MACHINE)/)
                is_partial[FILENAME] = is_control[name] = 1
            if (note != "")
                comment[name] = note
        }
        next
    }
    if (line ~ /^ *\[[A-Z]+_DOMCTL_[A-Za-z0-9_]+\] = \{/) {
        order[++orders] = token_of(line) "\t" FILENAME "\t" fn
        if (note != "")
            comment[token_of(line)] = note
        next
    }
    if (line ~ /^ *case [A-Z]/) {
        name = token_of(line)
        waiting++
        wait[waiting] = name
        at[name, FILENAME, fn] = 1
        if (note != "")
            comment[name] = note
        order[++orders] = name "\t" FILENAME "\t" fn
        next
    }
    if (waiting) {
        answer = ""
        if (line ~ /^ *return -E[A-Z]+;/ && match(line, /-E[A-Z]+/))
            answer = "refused: `" substr(line, RSTART, RLENGTH) "`"
        else if (line ~ /^ *return 0;/)
            answer = "accepted, there is nothing to do"
        for (i = 1; i <= waiting; i++) {
            if (answer != "" && !((wait[i] FILENAME) in refused))
                refused[wait[i] FILENAME] = answer
            if (answer != "" && note != "" && comment[wait[i]] == "")
                comment[wait[i]] = note
        }
        waiting = 0
    }
    if (line ~ /[!=]= [A-Z][A-Z_]+_[A-Za-z0-9_]+/ && line !~ /VERSION/) {
        rest = line
        while (match(rest, /[!=]= [A-Z][A-Z_]+_[A-Za-z0-9_]+/)) {
            name = substr(rest, RSTART + 3, RLENGTH - 3)
            order[++orders] = name "\t" FILENAME "\t" fn
            rest = substr(rest, RSTART + RLENGTH)
        }
    }
    rest = line
    while (FILENAME ~ /vm_assist/ && match(rest, /BIT\(VMASST_TYPE_[a-z0-9_]+\)/)) {
        order[++orders] = substr(rest, RSTART + 4, RLENGTH - 5) "\t" FILENAME "\t" fn
        rest = substr(rest, RSTART + RLENGTH)
    }
    next
}

# A row may go on in the next line.
FILENAME ~ /table\.c$/ {
    is_pv_only = sub(/^    CALL_PV\(/, "    CALL(") || (is_pv_only && !/^    CALL\(/)
    if (/^    CALL\(/)
        row = ""
    else if (row == "")
        next
    row = row $0
    if (row !~ /\),? *\/\*/)
        next
    match(row, /CALL\([^)]*\)/)
    split(substr(row, RSTART + 5, RLENGTH - 6), field, /, */)
    match(row, /\/\* .* \*\//)
    text = substr(row, RSTART + 3, RLENGTH - 6)
    n = number["__HYPERVISOR_" field[1]] + 0
    call[n] = field[1]
    handler[n] = field[2]
    who[n] = field[3]
    for_pv[n] = is_pv_only
    count[n] = field[4]
    sub(/ +$/, "", field[4])
    says[n] = text
    last = n > last ? n : last
    row = ""
}

function hex(s,    i, n) {
    if (s !~ /^0x/)
        return s + 0
    for (i = 3; i <= length(s); i++)
        n = n * 16 + index("0123456789abcdef", tolower(substr(s, i, 1))) - 1
    return n
}

function commands(n,    i, p, out, file, list, k, j, name, num, swap, allowed, shown) {
    if (!(call[n] in prefix) || !(handler[n] in file_of))
        return ""
    file = file_of[handler[n]]
    for (i = 1; i <= orders; i++) {
        split(order[i], p, "\t")
        if (p[2] == file && (index(p[1], prefix[call[n]]) == 1 || p[1] ~ /^WIRT_/) && (p[1] in number) &&
            !(p[1] in shown)) {
            shown[p[1]] = 1
            list[++k] = p[1]
        }
    }
    for (i = 2; i <= k; i++)
        for (j = i; j > 1 && hex(number[list[j - 1]]) > hex(number[list[j]]); j--) {
            swap = list[j]
            list[j] = list[j - 1]
            list[j - 1] = swap
        }
    for (i = 1; i <= k; i++) {
        name = list[i]
        allowed = who[n] ~ /^CALL_(TUNE|LIFE|MACHINE)$/ || (name in is_control) ? "control" : "all"
        num = number[name]
        out = out sprintf("| %d | `%s` | %s | %s |\n", hex(num), name, allowed, \
                          ((name file) in refused ? refused[name file] : "") \
                          (comment[name] != "" ? ((name file) in refused ? "; " : "") comment[name] : ""))
    }
    return out
}

END {
    for (n = 0; n <= last; n++) {
        if (!(n in call))
            continue
        printf "## %d %s\n\n", n, call[n]
        printf "%s%s. ", toupper(substr(says[n], 1, 1)), substr(says[n], 2)
        if (handler[n] == "NULL") {
            printf n == 23 ? "It never returns, so it has no handler in the table.\n\n" : "Answer: `-ENOSYS`.\n\n"
            continue
        }
        printf "Who: %s%s. %d argument%s. Handler: `%s` in `%s`.\n\n", \
            who[n] ~ /^CALL_(TUNE|LIFE|MACHINE)$/ ? "control" : ((file_of[handler[n]] in is_partial) ? "all, in part" : "all"), \
            for_pv[n] ? ", paravirtualised (`-ENOSYS` to others)" : "", count[n], count[n] == 1 ? "" : "s", handler[n], file_of[handler[n]]
        list = commands(n)
        if (list != "")
            printf "| number | command | who | remark |\n| ---: | --- | --- | --- |\n%s\n", list
    }
    printf "## Numbers without a row\n\nXen knows these; Wirt answers `-ENOSYS`:"
    for (n = 0; n < 64; n++)
        for (name in number)
            if (name ~ /^__HYPERVISOR_/ && name !~ /arch_/ && hex(number[name]) == n && !(n in call))
                printf " %s (%d)", substr(name, 14), n
    print "."
}
