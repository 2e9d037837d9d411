#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Theory: builds one kernel out of the patched tree: allnoconfig, then the fragments of linux-6.1/config that the
# flavour stands for, then the headers that most files read (headers.h, cc), then bzImage. It leaves
# build/guest-patches/{vmlinuz,config,System.map}-FLAVOUR; objects, with vmlinux, stay in obj/FLAVOUR. Nothing is done when
# neither patches nor fragments nor compiler changed.
# An option that a fragment asks for and the kernel does not take is an error, but with PARTIAL=yes (bisect.sh: its patch
# may not be there yet). usage: kernel.sh FLAVOUR[+FRAGMENT...] [config]
. "$(dirname "$0")/series.sh"

flavour=${1:-}
case ${flavour%%+*} in
micro) parts=(base xen micro) ;;
server) parts=(base xen server dom0) ;;
count) parts=(base xen count) ;;
*) die "no kernel '$flavour': use micro or server, and +FRAGMENT for more of $(cd "$patches/config" && echo *.config)" ;;
esac
for part in $(tr + ' ' <<<"$flavour" | cut -s -d ' ' -f 2-); do parts+=("$part"); done
src=$out/src obj=$out/obj/$flavour
mkdir -p "$obj"

# Each line of a fragment is an option and why it is there; the why stays here.
fragment() {
    local part
    for part in "${parts[@]}"; do
        [ -f "$patches/config/$part.config" ] || die "no fragment $part.config in ${patches#"$top"/}/config"
        sed -n 's/^\(CONFIG_[A-Z0-9_]*=[^# ]*\) *#.*/\1/p' "$patches/config/$part.config"
    done
}

# Options of the fragments, the last word on each, that are not so in the configuration.
refused() {
    awk -F = 'NR == FNR { want[$1] = $2; next }
        /^CONFIG_/ { have[$1] = substr($0, length($1) + 2) }
        END { for (o in want) if (want[o] != (o in have ? have[o] : "n")) print o "=" want[o] }' "$obj/fragment" "$obj/.config" |
        sort | paste -s -d ' '
}

fragment >"$obj/fragment" || exit 1
{ cat "$src/.package" "$src/.applied" "$obj/fragment" && ${CC:-gcc} --version; } >"$obj/made-of.new"
if cmp -s "$obj/made-of" "$obj/made-of.new" && [ -e "$out/vmlinuz-$flavour" ]; then
    say "$flavour: nothing changed ($out/vmlinuz-$flavour)"
    exit 0
fi
rm -f "$obj/made-of"
[ -e "$obj/vmlinux" ] || space_for 600 "the objects of $flavour"
export ARCH=x86_64 LOCALVERSION=-wirt-$flavour KBUILD_BUILD_USER=wirt KBUILD_BUILD_HOST=wirt KBUILD_BUILD_VERSION=1
KBUILD_BUILD_TIMESTAMP=$(date -u -R -r "$src/Makefile")
export KBUILD_BUILD_TIMESTAMP
# Each time, as a patch may bring options; what is compiled already stays, unless an option of its own changed.
(cd "$src" && scripts/kconfig/merge_config.sh -n -O "$obj" "$obj/fragment") >"$obj/config.log" 2>&1 ||
    die "$flavour cannot be configured: $(tail -n 1 "$obj/config.log"); see $obj/config.log"
not=$(refused)
[ -z "$not" ] || [ -n "${PARTIAL-}" ] ||
    die "$flavour: the kernel does not take $not: what that depends on is missing"
[ "${2-}" = config ] && exit 0
say "building $flavour (the log is $obj/build.log)"
# An eighth of the time, and the same objects: where in a macro a warning stands is not remembered (without which gcc warns
# of addresses that are never NULL in macros), and no look is taken at whether exported symbols are static, which is a
# matter of modules.
kbuild() {
    local jobs=(-j "${JOBS:-$(nproc)}")
    [[ ${MAKEFLAGS-} != *jobserver* ]] || jobs=()
    WIRT_HEADERS=$obj/headers make -C "$src" O="$obj" "${jobs[@]}" CC="$top/guest-patches/lib/cc" \
        KCFLAGS='-ftrack-macro-expansion=0 -Wno-address' cmd_check_local_export=true "$@" >>"$obj/build.log" 2>&1 ||
        die "$flavour does not build: $(grep -m 1 -E 'error:|Error [0-9]' "$obj/build.log"); see $obj/build.log"
}

# What most files read is read once (headers.h). Whatever took it up depends on headers/names.h, which is made anew when
# the text of a header, the flags or the compiler changed, or cc.
headers() {
    local dir=$obj/headers lib=$top/guest-patches/lib flags
    mkdir -p "$dir"
    rm -f "$obj/lib/ctype.o" && : >"$dir/flags"
    WIRT_FLAGS=$dir/flags kbuild lib/ctype.o
    mapfile -t flags <"$dir/flags"
    (cd "$obj" && headers_sum "$dir") >"$dir/sum.new"
    cmp -s "$dir/sum" "$dir/sum.new" && return 0
    rm -f "$dir/sum" "$dir/headers.h.gch"
    : >"$dir/headers.h"
    cp "$lib/names.h" "$dir/names.h"
    if (cd "$obj" && gcc "${flags[@]}" -Wp,-MMD,"$dir/deps" -x c-header -o "$dir/headers.h.gch" "$lib/headers.h") >"$dir/log" 2>&1; then
        (cd "$obj" && headers_text "$dir" awk "$no_comments" | tr -cs 'A-Za-z0-9_' '\n' | sort -u) >"$dir/words"
        (cd "$obj" && headers_sum "$dir") >"$dir/sum"
    else
        rm -f "$dir/headers.h.gch"
        say "$flavour: its headers cannot be compiled ahead, so the build takes longer: $(grep -m 1 error: "$dir/log"); see $dir/log"
    fi
}
# headers_text DIR COMMAND...: by the command, which is given the files.
headers_text() { sed 's/^[^ ]*://; s/\\$//' "$1/deps" | xargs "${@:2}"; }
# shellcheck disable=SC2016 # awk's
no_comments='FNR == 1 { inside = 0 }
    {
        while (inside ? n = index($0, "*/") : n = index($0, "/*")) {
            if (!inside) printf "%s ", substr($0, 1, n - 1)
            $0 = substr($0, n + 2)
            inside = !inside
        }
        if (!inside) print
    }'
headers_sum() {
    { gcc --version && cat "$1/flags" "$top"/guest-patches/lib/{names.h,cc} && [ -e "$1/deps" ] && headers_text "$1" cat; } 2>&1 | sha256sum
}
: >"$obj/build.log"
headers
kbuild bzImage
cp "$obj/.config" "$out/config-$flavour"
cp "$obj/System.map" "$out/System.map-$flavour"
cp "$obj/arch/x86/boot/bzImage" "$out/vmlinuz-$flavour.part" && mv "$out/vmlinuz-$flavour.part" "$out/vmlinuz-$flavour"
mv "$obj/made-of.new" "$obj/made-of"
say "$flavour: $(stat -c %s "$out/vmlinuz-$flavour") bytes, $(cat "$obj/include/config/kernel.release") ($out/vmlinuz-$flavour)"
