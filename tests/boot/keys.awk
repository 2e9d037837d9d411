# SPDX-License-Identifier: MIT
# Theory: judges what Wirt's keys printed while dom0 ran with two busy vCPUs on two CPUs: each report's content, and
# that the reports agree with each other. A report begins with its "pressed" line. Also what dom0 read of Wirt's log
# ("LOG" lines), against what came over the wire before. Prints the first thing that is wrong, or nothing.
# usage: awk -f keys.awk LOG-OF-RUN-VM

# need KEY REGEX: as often as `least` at least; what is missing goes into `wrong`.
function need(key, regex, least,    i, n) {
    for (i = 1; i <= lines[key]; i++)
        n += line[key, i] ~ regex
    if (n < least && wrong == "")
        wrong = "key " key ": " n + 0 " of " least " lines match: " regex
}

# number KEY BEFORE: the number that follows the first match of BEFORE in KEY's report.
function number(key, before,    i) {
    for (i = 1; i <= lines[key]; i++)
        if (match(line[key, i], before))
            return substr(line[key, i], RSTART + RLENGTH) + 0
    return -1
}

function must(is_right, what) {
    if (!is_right && wrong == "")
        wrong = what
}

{ sub(/^ *[0-9.]+ \| /, "") }
/^LOG new: / { read_new[++new_count] = substr($0, 10); next }
/^LOG / { read_log[substr($0, 5)] = 1; read_count++; next }
!/^\(WIRT\) / { next }
!read_count && /'h' pressed/ { is_help_of_dom0 = 1 }
!read_count && !is_help_of_dom0 { wire[++wire_count] = $0 }
{ sub(/^\(WIRT\) /, "") }
match($0, /^'.' pressed: /) { key = substr($0, 2, 1); lines[key] = 0; pressed[key]++; next }
/^\*\*\* Serial input/ { key = "" }
key != "" { line[key, ++lines[key]] = $0 }

END {
    # Help names every key.
    for (i = split("* 0 C R a d e g h i m q r", letters, " "); i; i--)
        need("h", "^  [" letters[i] "]  [a-z]", 1)
    # One key is all of the reports: each came by itself, and again by it.
    for (i = split("a d e g i m q r", letters, " "); i; i--)
        must(pressed[letters[i]] >= 2, "key *: no report of " letters[i])

    # Domains and their vCPUs, two of them loaded and one of them at least running.
    need("q", "^domain 0: control domain \\(0\\), [0-9]+ of [0-9]+ frames, .*loaded on CPUs 0x[1-3]$", 1)
    need("q", "^  d0v[01]: up, (running|runnable|blocked), queue of CPU [01], ", 2)
    need("q", "^  d0v[01]: up, run", 1)
    need("q", "^    us running [1-9][0-9]*, .*timer due at [0-9]+, periodic [0-9]+", 2)

    # Run queues: each CPU, and dom0's vCPUs on them.
    need("r", "^CPU 0: [0-9]+ waiting, idle for [1-9][0-9]* ms", 1)
    need("r", "^CPU 1: [0-9]+ waiting, idle for [1-9][0-9]* ms", 1)
    need("r", "^  running (d0v[01]|idle): vtime [0-9]+ ms, ran [1-9][0-9]* ms, weight 256", 2)
    need("r", "^  (running|waiting) d0v[01]: vtime [1-9]", 1)

    # Memory by owner and type: the kinds add up to what is owned, and that is what the list has, but for frames that
    # Wirt shares with dom0.
    total = number("m", "^memory: "); free = number("m", "frames, "); hv = number("m", "^Wirt: ")
    listed = number("m", "^domain 0 has "); owned = number("m", "^  owned: ")
    writable = number("m", "^    writable "); tables = number("m", "^    L1 ")
    sum = number("m", "^    none ") + tables + number("m", "^    L2 ") + number("m", "^    L3 ") + \
        number("m", "^    L4 ") + number("m", "^    descriptors ") + writable
    must(lines["m"] > 0 && sum == owned, "key m: kinds of " sum " frames, but " owned + 0 " are owned")
    must(owned >= listed && owned <= listed + 64, "key m: " owned " frames owned, " listed " on the list")
    must(listed == number("q", "control domain \\(0\\), "), "keys m and q: not the same number of frames")
    must(listed * 2 > total && total > 200000, "key m: " listed " of " total " frames are dom0's")
    must(hv > 500 && free > 0 && hv + free + owned <= total + 256, "key m: more frames than there are")
    must(writable * 2 > owned && tables > 100 && number("m", "^    L4 ") >= 3, "key m: no kernel has such a table")
    must(number("m", "allocated ") == listed && number("m", "half-built ") <= 8, "key m: allocated or half-built frames")
    must(number("m", "frame table ") > 1000 && number("m", "small objects ") > 0, "key m: Wirt's own memory")

    # Event channels: both vCPUs have timers and IPIs; disk, network and console are bound.
    need("e", "^event channels of domain 0:", 1)
    need("e", "^  port [0-9]+: VIRQ 0, .*to vCPU 0", 1)
    need("e", "^  port [0-9]+: VIRQ 0, .*to vCPU 1", 1)
    need("e", "^  port [0-9]+: VIRQ 2, ", 1)
    need("e", "^  port [0-9]+: IPI 0, .*to vCPU 0", 3)
    need("e", "^  port [0-9]+: IPI 0, .*to vCPU 1", 3)
    need("e", "^  port [0-9]+: PIRQ [0-9]+, ", 5)

    # Grants: dom0's table; it lends nothing, and there is nobody whose frames it could map.
    need("g", "^domain 0: [0-9]+ of 64 frames, 0 entries in use; maps 0 of 262144$", 1)

    # Timers: Wirt's own by name, and dom0's. The APIC is off when the deadline came while the report was being printed.
    need("a", "^timers at [1-9][0-9]* us", 1)
    need("a", "^CPU 0: [1-9][0-9]* timers, APIC (off|due in -?[0-9]+ us)$", 1)
    need("a", "^CPU 1: [0-9]+ timers, APIC (off|due in -?[0-9]+ us)$", 1)
    need("a", "^  in -?[0-9]+ us: keep_house\\(0\\)", 1)
    # A busy vCPU has none at the moment when it sets the next: what each CPU's head says decides. Of many only the
    # first are shown.
    for (i = 1; i <= lines["a"]; i++)
        if (match(line["a", i], /^CPU [0-9]+: /)) {
            must(left == 0 || shown > 0, "key a: no line behind " head)
            head = line["a", i]; left = substr(head, RLENGTH + 1) + 0; shown = 0
        } else if (head != "") {
            must(line["a", i] ~ /^  in -?[0-9]+ us: [a-z_]+\((0|ffff[0-9a-f]+)\)$/ && ++shown <= left,
                 "key a: one line too many or a wrong one: " line["a", i])
        }
    must(left == 0 || shown > 0, "key a: no line behind " head)

    # Interrupts: vectors that came on both CPUs, lines of both sorts, and PIRQs.
    need("i", "^  vector 0xf0: [1-9][0-9]+ on CPU 0", 1)
    need("i", "^  vector 0xf0: [1-9][0-9]+ on CPU 1", 1)
    need("i", "^  line [0-9]+ \\(GSI\\): vector 0x[3-9a-e][0-9a-f], CPU [01], (edge|level), active (high|low)", 3)
    need("i", "^  line [0-9]+ \\(GSI\\): .*came [1-9][0-9]* times", 1)
    need("i", "^  line [0-9]+ \\(MSI\\): .*came [1-9][0-9]* times", 2)
    need("i", "^  d0 PIRQ 9: line 9, port [0-9]+, wants EOI", 1)
    need("i", "^  d0 PIRQ [0-9]+: line (25[6-9]|2[6-9][0-9]), port [1-9]", 2)

    # Registers: of both CPUs, of a vCPU on one of them at least, with Wirt's functions by name.
    need("d", "^CPU 0 (runs|idles), cr3 0000[0-9a-f]+000$", 1)
    need("d", "^CPU 1 (runs|idles), cr3 0000[0-9a-f]+000$", 1)
    need("d", "^  d0v[01], in its (kernel|program): rip [0-9a-f]+:[0-9a-f]*[1-9a-f][0-9a-f]* rsp [0-9a-f]*[1-9a-f]", 1)
    need("d", "^  rax [0-9a-f]+ rbx [0-9a-f]+ rcx [0-9a-f]+ rdx [0-9a-f]+$", 1)
    need("d", "^Backtrace:", 2)
    need("d", "\\] dump_registers\\+0x[0-9a-f]+$", 1)
    need("d", "^  \\[ffff[0-9a-f]+\\] [a-z_0-9]+\\+0x[0-9a-f]+$", 4)

    # The audit looked at every frame of dom0 and found nothing.
    need("0", "^audit: [0-9]+ frames, 0 faults, [0-9]+ ms$", 1)
    checked = number("0", "^audit: ")
    must(checked == owned, "audit: " checked " frames checked, but key m says that " owned " are owned")

    # The log as dom0 reads it: every line that the wire had by then; and of the second reading what a key added.
    must(wire_count >= 10 && wire[1] ~ /Wirt [0-9]/, "the wire had " wire_count + 0 " lines before dom0 read the log")
    for (i = 1; i <= wire_count; i++)
        must(wire[i] in read_log, "dom0 did not read: " wire[i])
    must(new_count >= 10 && read_new[1] ~ /^\(WIRT\) 'h' pressed/, "dom0 read first of what the key h printed: " read_new[1])
    if (wrong != "")
        print wrong
}
