/* SPDX-License-Identifier: MIT */
/*
 * The console's beginning: the options in Xen's words choose wires and levels, ports and screen are made ready, what
 * was said so far comes out. core/console.c goes on from there.
 */
#include "boot/console.h"

#include "boot/bringup.h"
#include "hw/vga.h"
#include "core/console.h"
#include "lib/string.h"

/* The next word of a list; *s moves behind it. False at the end. */
static bool __init word_next(const char **s, char *word, size_t size)
{
    size_t n = 0;

    for (; **s && !strchr(",/", **s); ++*s)
        if (n < size - 1)
            word[n++] = **s;
    word[n] = 0;
    if (**s)
        ++*s;
    return n != 0;
}

/* "error", or as Xen has it "error/warning": shown always / shown at a limited rate. We show up to
 * the second. */
static void __init level_parse(const char *option, const char *s, int *level)
{
    static const char *const name[] = {"none", "error", "warning", "info", "debug", "all"};
    char word[16];

    while (s && word_next(&s, word, sizeof(word))) {
        u32 i = 0;
        while (i < ARRAY_COUNT(name) && strcmp(word, name[i]))
            i++;
        if (i < ARRAY_COUNT(name))
            *level = min((int)i - 1, (int)LOG_DEBUG);
        else
            log_warn("console: %s=%s is unknown; use none, error, warning, info, debug or all", option, word);
    }
}

void __init console_init(const struct console_options *o)
{
    const char *spec[2] = {o->com1, o->com2}, *wrong[2] = {NULL, NULL};
    const char *list = o->console ? o->console : "com1,vga";
    char word[16], unknown[16] = "";

    console_wires.has_timestamps = o->has_timestamps;
    while (word_next(&list, word, sizeof(word))) {
        if (!strncmp(word, "com", 3) && (word[3] == '1' || word[3] == '2')) {
            u32 i = (u32)(word[3] - '1');
            wrong[i] = uart_init(i, spec[i] ? spec[i] : "");
            console_wires.has_com[i] = !wrong[i];
        } else if (!strcmp(word, "vga")) {
            console_wires.screen = vga_put;
        } else if (strcmp(word, "none")) {
            str_copy(unknown, word, sizeof(unknown));
        }
    }
    console_start();
    level_parse("loglvl", o->loglvl, &console_wires.level);
    for (u32 i = 0; i < 2; i++)
        if (wrong[i] && spec[i])
            log_warn("console: com%u=%s: %s; going on without it", i + 1, spec[i], wrong[i]);
    if (*unknown)
        log_warn("console: console=%s is unknown; use com1, com2, vga or none", unknown);
}

void __init console_init_late(void)
{
    console_key_init();
    for (u32 i = 0; i < 2; i++)
        if (console_wires.has_com[i])
            uart_init_irq(i, console_ready);
}
