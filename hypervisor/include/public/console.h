/*
 * SPDX-License-Identifier: MIT
 *
 * The shared page of a guest's paravirtual console: two byte rings. Facts of
 * the Xen 4.17 ABI; tests/abi is the referee. Indices run freely and are masked
 * on use; each is written by one side only, after the data it covers.
 */
#ifndef WIRT_PUBLIC_CONSOLE_H
#define WIRT_PUBLIC_CONSOLE_H

#include <stdint.h>

typedef uint32_t XENCONS_RING_IDX;

#define MASK_XENCONS_IDX(idx, ring) ((idx) & (sizeof(ring) - 1))

struct xencons_interface {
    char in[1024];  /* to the guest */
    char out[2048]; /* from the guest */
    XENCONS_RING_IDX in_cons;
    XENCONS_RING_IDX in_prod;
    XENCONS_RING_IDX out_cons;
    XENCONS_RING_IDX out_prod;
};

#endif
