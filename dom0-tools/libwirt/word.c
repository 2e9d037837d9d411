/* SPDX-License-Identifier: MIT */
/*
 * States of domains, reasons of their ends, and hypercalls, as words. What has no word here is "unknown", or for a
 * hypercall NULL.
 */
#include "word.h"

#include <stddef.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const char *word_state(enum wirt_state state)
{
    static const char *const words[] = {"running", "blocked", "paused", "shutdown", "crashed", "dying", "building"};

    return (size_t)state < COUNT(words) ? words[state] : "unknown";
}

const char *word_reason(unsigned int reason)
{
    static const char *const words[] = {"poweroff", "reboot", "suspend", "crash", "watchdog", "soft-reset"};

    return reason < COUNT(words) ? words[reason] : "unknown";
}

const char *word_call(unsigned int number)
{
    static const char *const words[] = {[0] = "set_trap_table",
                                        [1] = "mmu_update",
                                        [2] = "set_gdt",
                                        [3] = "stack_switch",
                                        [4] = "set_callbacks",
                                        [5] = "fpu_taskswitch",
                                        [7] = "platform_op",
                                        [8] = "set_debugreg",
                                        [9] = "get_debugreg",
                                        [10] = "update_descriptor",
                                        [12] = "memory_op",
                                        [13] = "multicall",
                                        [14] = "update_va_mapping",
                                        [15] = "set_timer_op",
                                        [17] = "xen_version",
                                        [18] = "console_io",
                                        [20] = "grant_table_op",
                                        [21] = "vm_assist",
                                        [22] = "update_va_mapping_otherdomain",
                                        [23] = "iret",
                                        [24] = "vcpu_op",
                                        [25] = "set_segment_base",
                                        [26] = "mmuext_op",
                                        [29] = "sched_op",
                                        [30] = "callback_op",
                                        [32] = "event_channel_op",
                                        [33] = "physdev_op",
                                        [34] = "hvm_op",
                                        [35] = "sysctl",
                                        [36] = "domctl"};

    return number < COUNT(words) ? words[number] : NULL;
}
