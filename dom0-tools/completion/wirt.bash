# SPDX-License-Identifier: MIT
# Completion of wirt(1) for bash. What there is to propose, wirt itself says: its table of commands through
# `wirt help`, and the names of domains through `wirt list`.

# The proposals for an argument that the table calls $1.
_wirt_argument() {
    case $1 in
    DOMAIN) wirt list --all --names 2>/dev/null ;;
    NAME) wirt list --all --names 2>/dev/null ;;
    VCPU | CPUS) printf '%s\n' all {0..7} ;;
    TARGET) printf 'xvd%s\n' {a..h} ;;
    BRIDGE) for bridge in /sys/class/net/*/bridge; do basename "$(dirname "$bridge")"; done ;;
    PATH*) wirt store ls --json "${2%/*}/" 2>/dev/null | sed -n 's/.*"path": "\(.*\)".*/\1/p' ;;
    COMMAND) wirt help --names ;;
    esac
}

_wirt() {
    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} first=2 place=0 i arguments
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(wirt help --names | cut -d ' ' -f 1 | sort -u) --help --version" -- "$word")
        return
    fi
    if [ "$command" = store ]; then
        if [ "$COMP_CWORD" -eq 2 ]; then
            mapfile -t COMPREPLY < <(compgen -W "$(wirt help --names | sed -n 's/^store //p')" -- "$word")
            return
        fi
        command="store ${COMP_WORDS[2]}" first=3
    fi
    if [[ $word == -* ]]; then
        # shellcheck disable=SC2086
        mapfile -t COMPREPLY < <(compgen -W "$(wirt help --options $command 2>/dev/null)" -- "$word")
        [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
        return
    fi
    for ((i = first; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -* ]] || place=$((place + 1))
    done
    # shellcheck disable=SC2086
    read -ra arguments < <(wirt help --arguments $command 2>/dev/null | tr -d '[]')
    case ${arguments[place]-} in
    FILE | SOURCE) mapfile -t COMPREPLY < <(compgen -f -- "$word") && compopt -o filenames 2>/dev/null ;;
    '') ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$(_wirt_argument "${arguments[place]}" "$word")" -- "$word") ;;
    esac
    return 0
}
complete -F _wirt wirt
