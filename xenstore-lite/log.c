// SPDX-License-Identifier: MIT
/*
 * Whole lines, one write each. What a guest can provoke goes through log_domain, which lets one line per domain and
 * topic out in five seconds, so that nobody fills dom0's disk or drowns another domain's line. The table of what was
 * held back is of fixed size: two domains that share a slot share its rate.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define SLOT_COUNT     1024u
#define PERIOD_SECONDS 5

bool log_traces;

static int log_fd = STDERR_FILENO;
static struct slot {
    uint32_t domid, topic;
    time_t since;
    unsigned left_out;
} slots[SLOT_COUNT];

bool log_open(const char *file, bool is_foreground)
{
    if (file) {
        int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

        if (fd < 0)
            return false;
        log_fd = fd;
        return true;
    }
    if (!is_foreground) {
        openlog("xenstored", LOG_PID, LOG_DAEMON);
        log_fd = -1;
    }
    return true;
}

static void emit(const char *text)
{
    char line[1100];
    int length;

    if (log_fd < 0) {
        syslog(LOG_NOTICE, "%s", text);
        return;
    }
    length = snprintf(line, sizeof(line), "xenstored: %s\n", text);
    /* A log that cannot be written has nobody to tell it to. */
    if (write(log_fd, line, (size_t)length) < 0)
        errno = 0;
}

/* Guests' words reach the log: they may not forge lines or drive a terminal. */
static void emit_clean(char *text)
{
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    emit(text);
}

void log_line(const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    emit_clean(text);
}

void log_domain(uint32_t domid, enum log_topic topic, const char *format, ...)
{
    struct slot *s = &slots[(domid * LOG_TOPICS + (uint32_t)topic) % SLOT_COUNT];
    char text[1024];
    struct timespec now;
    va_list args;
    int length;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (s->since && now.tv_sec - s->since < PERIOD_SECONDS) {
        s->left_out++;
        return;
    }
    length = snprintf(text, sizeof(text), "domain %u: ", domid);
    va_start(args, format);
    length += vsnprintf(text + length, sizeof(text) - (size_t)length, format, args);
    va_end(args);
    if (s->left_out && (size_t)length < sizeof(text))
        snprintf(text + length, sizeof(text) - (size_t)length, " (%u lines like this were left out)", s->left_out);
    *s = (struct slot){.domid = domid, .topic = (uint32_t)topic, .since = now.tv_sec ? now.tv_sec : 1};
    emit_clean(text);
}
