/*
 * SPDX-License-Identifier: MIT
 *
 * callback_op: where a PV guest wants to be entered for events, system calls,
 * failed returns and NMIs. Facts of the Xen 4.17 ABI; tests/abi is the referee.
 * Registrations are per vCPU. Wrong type: -ENOSYS. Address not canonical: -EINVAL.
 */
#ifndef WIRT_PUBLIC_CALLBACK_H
#define WIRT_PUBLIC_CALLBACK_H

#include "xen.h"

#define CALLBACKOP_register   0
#define CALLBACKOP_unregister 1

#define CALLBACKTYPE_event               0
#define CALLBACKTYPE_failsafe            1 /* loading a guest segment failed on the way in */
#define CALLBACKTYPE_syscall             2 /* SYSCALL from 64-bit user code */
#define CALLBACKTYPE_sysenter_deprecated 3
#define CALLBACKTYPE_nmi                 4
#define CALLBACKTYPE_sysenter            5
#define CALLBACKTYPE_syscall32           7 /* SYSCALL from 32-bit user code */

#define _CALLBACKF_mask_events 0
#define CALLBACKF_mask_events  (1u << _CALLBACKF_mask_events) /* enter with events masked */

struct callback_register {
    uint16_t type;
    uint16_t flags;
    xen_callback_t address;
};

struct callback_unregister {
    uint16_t type;
    uint16_t _unused;
};

#endif
