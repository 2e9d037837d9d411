/* SPDX-License-Identifier: MIT */
/*
 * What Wirt says and hears. Every line of the log goes into a ring of 128 KiB; those that the level
 * asks for go to the wires (com1, com2, screen) too. dom0's text goes to the wires as it is; other guests
 * have consoles of their own in dom0 and no way to ours.
 * Serial input belongs to dom0 or to Wirt's keys; three Ctrl-A hand it over. Lock: console_lock
 * (RANK_CONSOLE, interrupts off), held while a line goes out. Nothing here allocates.
 */
#include "core/console.h"
#include "core/lock.h"
#include "core/work.h"
#include "hw/time.h"
#include "hw/uart.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define LINE_SIZE  400u
#define RING(at)   ring[(at) % CONSOLE_RING_SIZE]
#define INPUT_SIZE 1024u
#define SWITCH_KEY 0x01 /* Ctrl-A */

static struct lock console_lock = LOCK_INIT(RANK_CONSOLE);
static char ring[CONSOLE_RING_SIZE];
static u32 ring_end, ring_start; /* free-running; start moves by clearing only */
struct console_wires console_wires = {.level = LOG_INFO};
static bool is_wire_midline;

static char input[INPUT_SIZE];
static u32 input_end, input_start, switch_count;
static bool is_input_ours, is_screen_lent;
void (*console_input_door)(void);

static void wires_put(const char *s, size_t n)
{
    if (!n)
        return;
    for (u32 i = 0; i < 2; i++)
        if (console_wires.has_com[i])
            uart_put(i, s, n);
    if (console_wires.screen && !is_screen_lent)
        console_wires.screen(s, n);
    is_wire_midline = s[n - 1] != '\n';
}

static void ring_put(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        RING(ring_end++) = s[i];
}

static u32 ring_oldest(void)
{
    return ring_end - ring_start > CONSOLE_RING_SIZE ? ring_end - CONSOLE_RING_SIZE : ring_start;
}

/* One line, with newline. */
static void line_put(const char *s, size_t n, bool is_shown)
{
    ring_put(s, n);
    if (!is_shown)
        return;
    if (is_wire_midline)
        wires_put("\n", 1);
    wires_put(s, n);
}

static size_t stamp_line(char *line, const char *text)
{
    u64 us = console_wires.has_timestamps ? time_now() / 1000 : 0;
    int n;

    if (console_wires.has_timestamps)
        n = fmt(line, LINE_SIZE, "(WIRT) [%5lu.%06lu] %s\n", us / 1000000, us % 1000000, text);
    else
        n = fmt(line, LINE_SIZE, "(WIRT) %s\n", text);
    if (n < (int)LINE_SIZE)
        return (size_t)n;
    line[LINE_SIZE - 2] = '\n';
    return LINE_SIZE - 1;
}

static void console_sink(enum log_level level, const char *text)
{
    char line[LINE_SIZE];
    size_t n = stamp_line(line, text);
    u64 flags = lock_take_irq(&console_lock);

    line_put(line, n, (int)level <= console_wires.level);
    lock_drop_irq(&console_lock, flags);
}

void console_put_raw(const char *s, size_t n)
{
    u64 flags = lock_take_irq(&console_lock);

    wires_put(s, n);
    lock_drop_irq(&console_lock, flags);
}

/* Tokens are thousandths of a line, so that a slow refill is not rounded away. */
static bool rate_take(struct rate_limit *r, u32 burst, u32 per_second)
{
    u64 now = time_now(), gained = (now - r->refilled_at) / 1000 * per_second / 1000;

    if (gained || !r->refilled_at) {
        u64 all = r->refilled_at ? r->tokens + gained : burst * 1000ull;
        r->tokens = (u32)min(all, burst * 1000ull);
        r->refilled_at = now ? now : 1;
    }
    if (r->tokens < 1000) {
        r->dropped++;
        return false;
    }
    r->tokens -= 1000;
    return true;
}

bool console_rate_ok(struct rate_limit *r, u32 burst, u32 per_second)
{
    u32 dropped = r->dropped;

    if (!rate_take(r, burst, per_second))
        return false;
    if (dropped) {
        r->dropped = 0;
        log_warn("%u lines like the next were left out to limit their rate", dropped);
    }
    return true;
}

size_t console_ring_read(char *dst, size_t size, u32 *index, bool clear, bool incremental)
{
    u64 flags = lock_take_irq(&console_lock);
    u32 at = ring_oldest();
    size_t n = 0;

    if (incremental && *index - at <= ring_end - at) /* else it was overwritten or is nonsense */
        at = *index;
    while (n < size && at != ring_end)
        dst[n++] = RING(at++);
    *index = at;
    if (clear)
        ring_start = at;
    lock_drop_irq(&console_lock, flags);
    return n;
}

void console_ring_tail(char *dst, size_t size)
{
    u64 flags = lock_take_irq(&console_lock);
    u32 at = ring_oldest();
    size_t n = 0;

    if (ring_end - at > size - 1) {
        at = ring_end - (u32)(size - 1);
        while (at != ring_end && RING(at - 1) != '\n')
            at++;
    }
    while (at != ring_end)
        dst[n++] = RING(at++);
    dst[n] = 0;
    lock_drop_irq(&console_lock, flags);
}

static void input_keep(char c) /* under the lock */
{
    if (input_end - input_start < INPUT_SIZE)
        input[input_end++ % INPUT_SIZE] = c;
}

static bool is_dom0_listening(void)
{
    return console_input_door && !is_input_ours;
}

static void input_switch(void)
{
    is_input_ours = !is_input_ours;
    log_error("*** Serial input goes to %s now (CTRL-a three times switches it%s) ***",
              is_dom0_listening() ? "dom0" : "Wirt", is_dom0_listening() ? "" : "; press h for help");
}

static void input_char(char c)
{
    u64 flags;

    if (c == SWITCH_KEY && console_input_door) {
        if (++switch_count == 3) {
            switch_count = 0;
            input_switch();
        }
        return;
    }
    if (is_dom0_listening()) {
        flags = lock_take_irq(&console_lock);
        for (; switch_count; switch_count--) /* those were meant for dom0 after all */
            input_keep(SWITCH_KEY);
        input_keep(c);
        lock_drop_irq(&console_lock, flags);
        return;
    }
    switch_count = 0;
    console_key_press(c);
}

static void console_work(void)
{
    u32 before = input_end;
    int c;

    for (u32 i = 0; i < 2; i++)
        while (console_wires.has_com[i] && (c = uart_get(i)) >= 0)
            input_char((char)c);
    if (input_end != before && console_input_door)
        console_input_door();
}

size_t console_input(char *dst, size_t size)
{
    u64 flags = lock_take_irq(&console_lock);
    size_t n = 0;

    while (n < size && input_start != input_end)
        dst[n++] = input[input_start++ % INPUT_SIZE];
    lock_drop_irq(&console_lock, flags);
    return n;
}

void console_ready(void)
{
    work_raise(WORK_CONSOLE);
}

void console_start(void)
{
    work_bind(WORK_CONSOLE, console_work);
    log_sink_set(console_sink);
}

void console_screen_lend(bool is_lent)
{
    u64 flags = lock_take_irq(&console_lock);

    is_screen_lent = is_lent;
    if (console_wires.screen && !is_lent)
        console_wires.screen("\f", 1);
    lock_drop_irq(&console_lock, flags);
}
