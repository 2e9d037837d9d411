/* SPDX-License-Identifier: MIT */
/*
 * The table of reasons, and the guard against loops: each quick end doubles the wait before the next start, up to five
 * minutes; a domain that has lived a minute starts at once again. A restart is never given up, as its cause may be
 * outside of the domain, but it costs no more than one build in five minutes then.
 */
#include "policy.h"

#include <xen/sched.h>

static uint32_t delay(uint32_t quick_count)
{
    uint32_t seconds = 1;

    if (quick_count < 2)
        return 0;
    for (uint32_t i = 2; i < quick_count && seconds < POLICY_DELAY_S; i++)
        seconds *= 2;
    return seconds < POLICY_DELAY_S ? seconds : POLICY_DELAY_S;
}

static enum policy_act act_of(enum wirt_action action)
{
    switch (action) {
    case WIRT_DESTROY:
        return POLICY_DESTROY;
    case WIRT_RESTART:
        return POLICY_RESTART;
    case WIRT_RENAME_RESTART:
        return POLICY_RENAME_RESTART;
    default:
        return POLICY_LEAVE;
    }
}

struct policy_verdict policy_decide(const struct policy_case *c)
{
    struct policy_verdict v = {.act = POLICY_LEAVE};

    switch (c->reason) {
    case SHUTDOWN_poweroff:
        v = (struct policy_verdict){.act = act_of(c->on_poweroff), .reason = "has shut down", .setting = "on_poweroff"};
        break;
    case SHUTDOWN_reboot:
        v = (struct policy_verdict){.act = act_of(c->on_reboot), .reason = "wants a reboot", .setting = "on_reboot"};
        break;
    case SHUTDOWN_crash:
        v = (struct policy_verdict){.act = act_of(c->on_crash), .reason = "has crashed", .setting = "on_crash"};
        break;
    case SHUTDOWN_watchdog:
        v = (struct policy_verdict){
            .act = act_of(c->on_crash), .reason = "has been ended by its watchdog", .setting = "on_crash"};
        break;
    case SHUTDOWN_suspend:
        v.reason = "is suspended";
        v.setting = "nobody asked for that";
        break;
    default:
        v.reason = "has ended for a reason that is not known";
        v.setting = "it is left for a person";
    }
    if (v.act == POLICY_RESTART || v.act == POLICY_RENAME_RESTART) {
        v.quick_count = c->lived_s < POLICY_QUICK_S ? c->quick_count + 1 : 0;
        v.delay_s = delay(v.quick_count);
    }
    return v;
}
