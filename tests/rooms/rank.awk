# SPDX-License-Identifier: MIT
# Theory: the storeys. A file's room is its first folder; a higher rank may use a lower one, never the other way, and
# two rooms of one rank do not see each other. include/public is everybody's. Shared by the other awk scripts.
BEGIN {
    FS = "\t"
    split("lib hw core dom pv call boot", by_rank, " ")
    for (i = 1; i in by_rank; i++)
        rank[by_rank[i]] = i
    rank["hvm"] = rank["pv"]
}
function room(path) {
    sub(/\/.*/, "", path)
    return path
}
# "" if room a may use room b, else in which direction it points.
function wrong_way(a, b) {
    if (a == b)
        return ""
    if (!(b in rank))
        return "to no room"
    return rank[b] > rank[a] ? "up" : rank[b] == rank[a] ? "sideways" : ""
}
function verdict(kind, subject, text) {
    print kind "\t" subject "\t" (text == "" ? "ok" : text)
}
