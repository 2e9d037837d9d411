# SPDX-License-Identifier: MIT
# A screen as `tmux capture-pane -e` gives it becomes a picture: each run of characters that look alike is one text
# element, at the place and of the width that its characters have. Bytes are counted (LC_ALL=C), so that any awk does.
BEGIN {
    W = 8; H = 17; PAD = 8
    for (i = 1; i < 256; i++) ord[sprintf("%c", i)] = i
    split("#262b33 #e06c75 #98c379 #e5c07b #61afef #c678dd #56b6c2 #d7dae0", colour, " ")
    FORE = "#d7dae0"; BACK = "#16191f"; reset()
}
function reset() { fore = FORE; back = BACK; bold = under = turned = 0 }
# One sequence's numbers, between "[" and "m".
function look(numbers,  n, i, p, v) {
    n = split(numbers == "" ? "0" : numbers, p, ";")
    for (i = 1; i <= n; i++) {
        v = p[i] + 0
        if (v == 0) reset()
        else if (v == 1) bold = 1
        else if (v == 4) under = 1
        else if (v == 7) turned = 1
        else if (v == 22) bold = 0
        else if (v == 24) under = 0
        else if (v == 27) turned = 0
        else if (v >= 30 && v <= 37) fore = colour[v - 29]
        else if (v >= 90 && v <= 97) fore = colour[v - 89]
        else if (v == 38 && p[i + 1] == 5) { fore = p[i + 2] >= 232 ? "#8a8f98" : FORE; i += 2 }
        else if (v == 39) fore = FORE
        else if (v == 49) back = BACK
    }
}
# The run that has ended: characters, from column `from` on.
function flush_run(  f, b, x, y, blank) {
    if (run == "") return
    x = PAD + from * W; y = PAD + (NR - 1) * H
    f = turned ? back : fore; b = turned ? fore : back
    blank = run; gsub(/ /, "", blank)
    if (b != BACK) body = body sprintf("<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n", x, y, (at - from) * W, H, b)
    if (blank != "" || under) {
        gsub(/&/, "\\&amp;", run); gsub(/</, "\\&lt;", run); gsub(/>/, "\\&gt;", run); gsub(/ /, "\\&#160;", run)
        body = body sprintf("<text x=\"%d\" y=\"%d\" textLength=\"%d\"%s%s%s>%s</text>\n", x, y + 13, (at - from) * W,
            f == FORE ? "" : " fill=\"" f "\"", bold ? " font-weight=\"bold\"" : "", under ? " text-decoration=\"underline\"" : "", run)
    }
    run = ""
}
{
    at = from = 0; run = ""
    for (i = 1; i <= length($0); i++) {
        c = substr($0, i, 1)
        if (c == "\033") {
            flush_run()
            rest = substr($0, i + 2); end = match(rest, /[A-Za-z]/)
            if (substr(rest, end, 1) == "m") look(substr(rest, 1, end - 1))
            i += 1 + end; from = at
            continue
        }
        if (c == "\016" || c == "\017") continue
        # Two blanks end a run, so that columns stay where they are whatever the font; in colours they are drawn.
        if (c == " " && !turned && !under && substr($0, i, 2) == "  ") { flush_run(); at++; from = at; continue }
        if (run == "") from = at
        run = run c
        if (ord[c] < 128 || ord[c] >= 192) at++
    }
    flush_run()
    if (at > widest) widest = at
}
END {
    if (COLUMNS) widest = COLUMNS
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"DejaVu Sans Mono,Menlo,Consolas,monospace\" font-size=\"13.29\" fill=\"%s\" xml:space=\"preserve\">\n", widest * W + 2 * PAD, NR * H + 2 * PAD, FORE
    printf "<rect width=\"100%%\" height=\"100%%\" rx=\"6\" fill=\"%s\"/>\n%s</svg>\n", BACK, body
}
