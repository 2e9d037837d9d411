/*
 * SPDX-License-Identifier: MIT
 *
 * vcpu_op(cmd, vcpu, arg): starting, stopping and timing of a domain's own
 * vCPUs, and the memory areas in which the hypervisor keeps them informed.
 * Facts of the Xen 4.17 ABI; tests/abi is the referee. Unknown vCPU: -ENOENT.
 */
#ifndef WIRT_PUBLIC_VCPU_H
#define WIRT_PUBLIC_VCPU_H

#include "xen.h"

#define VCPUOP_initialise                     0 /* vcpu_guest_context; -EEXIST when done before */
#define VCPUOP_up                             1
#define VCPUOP_down                           2
#define VCPUOP_is_up                          3 /* result 1 or 0 */
#define VCPUOP_get_runstate_info              4
#define VCPUOP_register_runstate_memory_area  5
#define VCPUOP_set_periodic_timer             6
#define VCPUOP_stop_periodic_timer            7
#define VCPUOP_set_singleshot_timer           8
#define VCPUOP_stop_singleshot_timer          9
#define VCPUOP_register_vcpu_info             10
#define VCPUOP_send_nmi                       11
#define VCPUOP_get_physid                     12
#define VCPUOP_register_vcpu_time_memory_area 13

#define RUNSTATE_running  0
#define RUNSTATE_runnable 1 /* ready, but another vCPU has the CPU */
#define RUNSTATE_blocked  2
#define RUNSTATE_offline  3

/* Set in state_entry_time during an update, if the guest enabled that assist. */
#define XEN_RUNSTATE_UPDATE (1ull << 63)

struct vcpu_runstate_info {
    int32_t state;             /* RUNSTATE_* */
    uint64_t state_entry_time; /* system time, ns */
    uint64_t time[4];          /* ns spent in each state */
};

struct vcpu_register_runstate_memory_area {
    union {
        xen_guest_va_t h; /* of a vcpu_runstate_info */
        xen_guest_va_t v;
        uint64_t p;
    } addr;
};

struct vcpu_set_periodic_timer {
    uint64_t period_ns; /* under 1 ms: -EINVAL */
};

#define _VCPU_SSHOTTMR_future 0
#define VCPU_SSHOTTMR_future  (1u << _VCPU_SSHOTTMR_future) /* past deadline: -ETIME */

struct vcpu_set_singleshot_timer {
    uint64_t timeout_abs_ns; /* system time */
    uint32_t flags;
};

/* Moves a vCPU's vcpu_info out of shared_info; once only, must not cross a page. */
struct vcpu_register_vcpu_info {
    uint64_t mfn;
    uint32_t offset; /* bytes */
    uint32_t rsvd;
};

struct vcpu_get_physid {
    uint64_t phys_id; /* APIC id in the low half, ACPI id in the high one */
};

#define xen_vcpu_physid_to_x86_apicid(physid) ((uint32_t)(physid))
#define xen_vcpu_physid_to_x86_acpiid(physid) ((uint32_t)((physid) >> 32))

struct vcpu_register_time_memory_area {
    union {
        xen_guest_va_t h; /* of a vcpu_time_info */
        xen_guest_va_t v;
        uint64_t p;
    } addr;
};

#endif
