# SPDX-License-Identifier: MIT
# Theory: how long every C, header, assembler and shell file of the repository is, tests and tools included. A shell file
# is known by its name or its first line; of other files no more than that line is read. Needs -v root=, which is left
# out of the names.
BEGIN { LINES_MAX = 500 }
function finish() {
    if (is_source)
        printf "length\t%s\t%s\n", substr(file, length(root) + 2),
            (lines > LINES_MAX ? lines " lines; " LINES_MAX " are allowed" : "ok")
}
FNR == 1 {
    finish()
    file = FILENAME
    is_source = file ~ /\.([chS]|sh)$/ || /^#!.*sh( |$)/
    if (!is_source)
        nextfile
}
{ lines = FNR }
END { finish() }
