/* SPDX-License-Identifier: MIT */
/*
 * The console: a log ring of 128 KiB that keeps everything, the wires (com1, com2, screen) that
 * show what the level asks for, and the serial input, which three Ctrl-A switch between dom0 and
 * Wirt's keys. Lock: RANK_CONSOLE.
 */
#ifndef WIRT_CORE_CONSOLE_H
#define WIRT_CORE_CONSOLE_H

#include "lib/log.h"

#define CONSOLE_RING_SIZE (128u * 1024u)
extern struct console_wires {
    bool has_com[2], has_timestamps;
    void (*screen)(const char *s, size_t n); /* NULL: none; a form feed clears it */
    int level;                               /* enum log_level that is still shown; -1 = none */
} console_wires;                             /* boot fills it, then calls: */
void console_start(void);                    /* before other CPUs run */
void console_screen_lend(bool is_lent);      /* to dom0, which draws on it; taken back for what may be the last words */
void console_ready(void);                    /* interrupt context: received bytes wait */
void console_put_raw(const char *s, size_t n); /* to the wires only: panic, dom0's text */
size_t console_input(char *dst, size_t size);  /* bytes waiting for dom0 */
extern void (*console_input_door)(void);       /* called (WORK_CONSOLE) when bytes wait for dom0 */
/* Ring for sysctl readconsole: copies from *index on (0 = oldest kept), updates it; returns bytes.
 */
size_t console_ring_read(char *dst, size_t size, u32 *index, bool clear, bool incremental);
void console_ring_tail(char *dst, size_t size); /* the last lines, NUL-terminated, for panic */
/* Keys (console_key.c): one function a letter, with one line of help. '*' presses every lower-case
 * letter in turn, so what changes the machine gets an upper-case one. */
void console_key_bind(char key, const char *help, void (*fn)(void));
void console_key_press(char key); /* also sysctl debug_keys */
void console_key_init(void);      /* the keys that have no other owner: h * R */
/* true when the caller may print now: a bucket of `burst` refilled at `per_second`; the object
 * remembers drops and says so in the next line. */
struct rate_limit {
    u64 refilled_at;
    u32 tokens, dropped;
};
bool console_rate_ok(struct rate_limit *r, u32 burst, u32 per_second) __must_use;

#endif
