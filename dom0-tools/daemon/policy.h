/* SPDX-License-Identifier: MIT */
/* What is done when a domain has ended by itself: decided here from facts alone, carried out in ends.c. */
#ifndef WIRTD_POLICY_H
#define WIRTD_POLICY_H

#include <stdint.h>

#include "wirt.h"

#define POLICY_QUICK_S 60  /* a domain that lived less counts as one that fails again and again */
#define POLICY_DELAY_S 300 /* the longest wait before a restart */

struct policy_case {
    uint8_t reason; /* SHUTDOWN_* */
    enum wirt_action on_poweroff, on_reboot, on_crash;
    uint64_t lived_s;
    uint32_t quick_count; /* quick ends right before this one */
};
enum policy_act { POLICY_LEAVE, POLICY_DESTROY, POLICY_RESTART, POLICY_RENAME_RESTART };
struct policy_verdict {
    enum policy_act act;
    uint32_t delay_s, quick_count; /* for a restart: wait this long; the count for the next time */
    const char *reason, *setting;  /* "has crashed", "on_crash" */
};
struct policy_verdict policy_decide(const struct policy_case *c);

#endif
