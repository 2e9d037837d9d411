/* SPDX-License-Identifier: MIT */
/*
 * A machine made of memory, for host tests of everything above hw/. Its include folder comes first,
 * so that the few headers here replace the real ones of the same name; all other headers of hw/ are
 * the real ones, and fake.c implements what they declare: RAM behind frame_va() and pgtab_map() (a
 * sparse file, mapped twice where the real machine would), a clock that stands still until the test
 * moves it, IPIs and timers that are written down instead of sent. Each thread plays one CPU.
 */
#ifndef WIRT_FAKE_H
#define WIRT_FAKE_H

#include <setjmp.h>
#include "core/frame.h"
#include <hw/cpu.h> /* by the path: found beside this file, it could not include the next one */
#include <hw/percpu.h>
#include "lib/types.h"

/* RAM of the fake machine: 640 KiB less frame 0, 1 MiB to 512 MiB, 4 GiB to 4.25 GiB. */
#define FAKE_RAM_COUNT 3u
extern const struct frame_range fake_ram[FAKE_RAM_COUNT];
/* Everything from bare RAM to a usable frame allocator; once a process. Keeps the first and the
 * last frame of each range out of the free lists (as known, in use). */
void fake_init(u32 cpus);
extern u64 fake_free_at_start; /* frames that the allocator was given */

void fake_log_to_stderr(void); /* else lines wait for console_init() */

static inline void fake_cpu_set(u32 cpu)
{
    fake_cpu = cpu;
}

/* Time. */
extern u64 fake_now; /* ns; what time_now() says */
extern u32 fake_adjust_count;
extern u64 fake_deadline[CPU_MAX];       /* what each APIC timer is set to; 0 = off */
extern u32 fake_timer_programmed;        /* calls of lapic_timer_set */
void fake_interrupt(u32 cpu, u8 vector); /* run the bound handler, as that CPU */

/* IPIs and flushes. */
extern u32 fake_kicks[CPU_MAX];
extern u32 fake_flushes[CPU_MAX];
extern u32 fake_settle_count, fake_settle_stamp;

/* Wires: what went out (NUL-terminated, cut when full); what waits to come in. */
#define FAKE_WIRE_SIZE 65536u
extern char fake_wire[3][FAKE_WIRE_SIZE]; /* com1, com2, screen */
void fake_wire_clear(void);
void fake_type(u32 port, const char *keys); /* and let the interrupt happen on CPU 0 */
extern u32 fake_reboots;

/* What a busy-waiting CPU does instead: a single-threaded test lets the awaited CPU go on. */
extern void (*fake_relax_hook)(void);

/* Ends of hypervisor code that do not return: the test says where to go on. */
extern _Thread_local jmp_buf fake_back;
extern _Thread_local void *fake_entered_unit; /* NULL: idle */
void fake_entered(void *unit) __noreturn;     /* a unit's enter() calls this */

/* True if the statement ends in panic(); the text is in fake_panic_text. */
extern char fake_panic_text[320];
extern _Thread_local jmp_buf fake_panic_back;
extern _Thread_local bool fake_panic_is_caught;
#define FAKE_PANICS(statement)                                                                                         \
    __extension__({                                                                                                    \
        volatile bool did_ = true;                                                                                     \
        fake_panic_is_caught = true;                                                                                   \
        if (setjmp(fake_panic_back) == 0) {                                                                            \
            statement;                                                                                                 \
            did_ = false;                                                                                              \
        }                                                                                                              \
        fake_panic_is_caught = false;                                                                                  \
        did_;                                                                                                          \
    })

/* Random numbers with a printed seed: FAKE_SEED=n repeats a run. */
void fake_seed(void);
u64 fake_random(u64 below);

#endif
