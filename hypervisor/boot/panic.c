/* SPDX-License-Identifier: MIT */
/*
 * The end of the road is prepared: doors, the place of the crash record; and what the previous run wrote into it
 * before a warm reset comes out. The record is foreign bytes until its sum is right.
 */
#include "boot/panic.h"

#include "core/console.h"
#include "core/panic.h"
#include "hw/pgtab.h"
#include "hw/trap.h"
#include "lib/string.h"

__init void panic_init(bool does_reboot)
{
#ifdef WIRT_DEBUG
    console_key_bind('C', "panic on purpose, to test the crash record", panic_on_purpose);
#endif
    panic_does_reboot = does_reboot;
    log_panic_door = panic_message;
    trap_hooks.fatal = panic_fatal_trap;
}

__init void panic_record_init(mfn_t first, u32 pages)
{
    panic_record = frame_va(first);
    panic_record_size = (u32)(pages * PAGE_SIZE - sizeof(*panic_record));
}

__init void panic_report_previous(void)
{
    char *line, *end;

    if (!panic_record || panic_record->magic != PANIC_MAGIC)
        return;
    panic_record->magic = 0;
    if (panic_record->length >= panic_record_size ||
        panic_record->sum != panic_sum(panic_record->text, panic_record->length)) {
        log_warn("panic: the previous run of Wirt died, but its record is damaged");
        return;
    }
    log_warn("The previous run of Wirt died. Its last words:");
    panic_record->text[panic_record->length] = 0;
    for (line = panic_record->text; *line; line = end) {
        for (end = line; *end && *end != '\n'; end++)
            ;
        if (strncmp(line, "(WIRT) | ", 9)) /* not what it had found itself */
            log_warn("| %.*s", (int)(end - line), line);
        end += *end != 0;
    }
    log_warn("End of the previous run's record.");
}
