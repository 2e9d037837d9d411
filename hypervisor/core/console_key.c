/* SPDX-License-Identifier: MIT */
/*
 * Wirt's keys on the serial line: one function and one line of help a character. Each room binds
 * its own at boot, so the table needs no lock; functions run from WORK_CONSOLE or from a sysctl,
 * with interrupts on. '*' presses all lower-case letters, so a key that changes the machine is
 * never one.
 */
#include "core/console.h"
#include "hw/power.h"

static struct {
    void (*fn)(void);
    const char *help;
} keys[128];

void console_key_bind(char key, const char *help, void (*fn)(void))
{
    u8 i = (u8)key;

    if (i >= ARRAY_COUNT(keys) || keys[i].fn)
        panic("keys: '%c' cannot be bound to \"%s\": it is \"%s\"", key, help,
              i < ARRAY_COUNT(keys) ? keys[i].help : "not ASCII");
    keys[i].fn = fn;
    keys[i].help = help;
}

void console_key_press(char key)
{
    u8 i = (u8)key;

    if (i < ARRAY_COUNT(keys) && keys[i].fn) {
        log_error("'%c' pressed: %s", key, keys[i].help);
        keys[i].fn();
    } else if (i > ' ' && i < 0x7f) {
        log_error("'%c' pressed: no such key; 'h' lists them", key);
    }
}

static void key_help(void)
{
    for (u8 i = 0; i < ARRAY_COUNT(keys); i++)
        if (keys[i].fn)
            log_error("  %c  %s", i, keys[i].help);
}

static void key_all(void)
{
    for (char key = 'a'; key <= 'z'; key++)
        if (keys[(u8)key].fn && key != 'h')
            console_key_press(key);
}

static void key_reboot(void)
{
    power_reboot();
}

void __init console_key_init(void)
{
    console_key_bind('h', "this help", key_help);
    console_key_bind('*', "all reports, one after the other", key_all);
    console_key_bind('R', "reboot the machine at once", key_reboot);
}
