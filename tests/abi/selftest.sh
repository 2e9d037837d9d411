#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Shows that the referee can fail. Each case spoils one line in a copy of our
# headers and expects `make run` to exit non-zero and to name the culprit. A
# case whose sed changes nothing fails as well, so no case rots in silence.
# Needs O (scratch lives in $O/selftest) and PUB (the headers to copy).

set -u
work=$O/selftest
passed=0
failed=0

# spoil CASE HEADER SED-SCRIPT EXPECTED-TEXT
spoil() {
    dir=$work/$1
    rm -rf "$dir"
    mkdir -p "$dir/pub"
    cp "$PUB"/*.h "$dir/pub/"
    sed -i "$3" "$dir/pub/$2"
    if cmp -s "$PUB/$2" "$dir/pub/$2"; then
        verdict="the sed script changed nothing in $2"
    elif ${MAKE:-make} --no-print-directory O="$dir" PUB="$dir/pub" run >"$dir/log" 2>&1; then
        verdict="a spoiled $2 passed"
    elif ! grep -qF -- "$4" "$dir/log"; then
        verdict="failed without saying \"$4\" (see $dir/log)"
    else
        passed=$((passed + 1))
        return
    fi
    failed=$((failed + 1))
    echo "FAIL selftest $1: $verdict"
}

spoil number xen.h 's/\(__HYPERVISOR_iret  *\)23/\124/' \
    'FAIL __HYPERVISOR_iret: value: wirt 24 (0x18), libxen-dev 23'
spoil wider xen.h 's/uint32_t store_evtchn/uint64_t store_evtchn/' \
    'FAIL start_info.store_evtchn: size: wirt 8'
spoil order physdev.h 's/int32_t bus;/int32_t XX;/; s/int32_t devfn;/int32_t bus;/; s/XX;/devfn;/' \
    'FAIL physdev_map_pirq.devfn: offset'
spoil padding arch.h '/_pad1\[3\];/d; s/uint8_t saved_upcall_mask;/uint32_t saved_upcall_mask;/' \
    'libxen-dev'
spoil nested xen.h 's/uint32_t info_off; /uint64_t info_off; /' \
    'FAIL start_info.console.dom0.info_size: offset: wirt 80'
spoil sign xen.h 's/ int8_t tsc_shift/ uint8_t tsc_shift/' \
    'FAIL vcpu_time_info.tsc_shift: signed: wirt 0 (0x0), libxen-dev 1'
spoil room sysctl.h 's/uint8_t pad\[128\]/uint8_t pad[136]/' \
    'FAIL struct xen_sysctl: size'
spoil text xs_wire.h 's/"CREATE|EXCL"/"CREATE EXCL"/' \
    'FAIL XS_WRITE_CREATE_EXCL'
spoil macro memory.h 's/(((x) + 1) << 8)/(((x) + 1) << 9)/' \
    'FAIL XENMEMF_node(): value'
spoil typedef xen.h 's/typedef uint16_t domid_t/typedef uint32_t domid_t/' \
    'FAIL domid_t: size'
spoil unexercised memory.h 's/^#define XENMAPSPACE_gmfn  *2/&\n#define XENMAPSPACE_of(x) (x)/' \
    'no MACRO line exercises XENMAPSPACE_of'
spoil invented memory.h 's/^#define XENMAPSPACE_gmfn  *2/&\n#define XENMAPSPACE_wirt 9/' \
    'XENMAPSPACE_wirt'
spoil dependent vcpu.h '/^#include/d' \
    'error: unknown type name'

echo "abi selftest: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
