/*
 * SPDX-License-Identifier: MIT
 *
 * sched_op: giving up the CPU, waiting, and ending a domain. Facts of the Xen
 * 4.17 ABI; tests/abi is the referee. Times are system time in nanoseconds
 * unless a field says otherwise.
 */
#ifndef WIRT_PUBLIC_SCHED_H
#define WIRT_PUBLIC_SCHED_H

#include "event_channel.h"

#define SCHEDOP_yield           0
#define SCHEDOP_block           1 /* unmasks events, sleeps until one is pending */
#define SCHEDOP_shutdown        2
#define SCHEDOP_poll            3 /* sleeps with events masked until a port is pending */
#define SCHEDOP_remote_shutdown 4
#define SCHEDOP_shutdown_code   5 /* reason to report later, no shutdown yet */
#define SCHEDOP_watchdog        6
#define SCHEDOP_pin_override    7

struct sched_shutdown {
    uint32_t reason; /* SHUTDOWN_* */
};

struct sched_poll {
    xen_guest_va_t ports; /* array of evtchn_port_t */
    uint32_t nr_ports;    /* over 128: -EINVAL */
    uint64_t timeout;     /* absolute; 0 for none */
};

struct sched_remote_shutdown {
    domid_t domain_id;
    uint32_t reason;
};

/* id 0 makes a watchdog and returns its id; timeout 0 removes one. */
struct sched_watchdog {
    uint32_t id;
    uint32_t timeout; /* seconds */
};

struct sched_pin_override {
    int32_t pcpu; /* negative: undo */
};

#define SHUTDOWN_poweroff   0
#define SHUTDOWN_reboot     1
#define SHUTDOWN_suspend    2
#define SHUTDOWN_crash      3
#define SHUTDOWN_watchdog   4
#define SHUTDOWN_soft_reset 5
#define SHUTDOWN_MAX        5

#endif
