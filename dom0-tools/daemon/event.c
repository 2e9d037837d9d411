/* SPDX-License-Identifier: MIT */
/*
 * The journal of events: a kept ring file of lines, each a JSON object that begins with its number. Numbers go up by
 * one from line to line, over every life of the daemon, as long as the file is there; a line that could not be kept
 * uses one up, so that whoever reads sees that something is missing. Readers are clients with a place in the file. What
 * a guest can cause again and again is limited for each domain; what is left out is counted, and said with the next
 * event of the domain.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "event.h"
#include "internal.h"

#define JOURNAL_BYTES (512u << 10)
#define BURST         64 /* events of a domain at once, that it can cause itself; one more each second */

static struct keep journal = {.fd = -1};

const struct keep *event_journal(void)
{
    return &journal;
}

uint64_t event_total(void)
{
    return journal.head.spare;
}

/* Where the next line begins at `from` or behind it; the end of the journal if none does. */
static uint64_t line_at(uint64_t from)
{
    char bytes[EVENT_LINE_MAX];
    size_t n = keep_read(&journal, from, bytes, sizeof(bytes));
    const char *end = memchr(bytes, '\n', n);

    return end ? from + (uint64_t)(end - bytes) + 1 : journal.head.total;
}

uint64_t event_first(void)
{
    uint64_t first = keep_first(&journal);

    return first ? line_at(first) : 0;
}

/* The number of the line that begins at `at`, 0 at the end. */
static uint64_t number_at(uint64_t at)
{
    char bytes[40] = "";
    uint64_t number = 0;

    if (keep_read(&journal, at, bytes, sizeof(bytes) - 1))
        sscanf(bytes, "{\"seq\":%" SCNu64, &number);
    return number;
}

uint64_t event_behind(uint64_t number)
{
    uint64_t at = event_first();

    while (at < journal.head.total && number_at(at) <= number)
        at = line_at(at);
    return at;
}

void event_range(uint64_t *first, uint64_t *next)
{
    *next = journal.head.spare + 1;
    *first = number_at(event_first());
    if (!*first)
        *first = *next;
}

static void put_head(FILE *out, const char *what)
{
    struct timespec now;
    struct tm utc;
    char text[40];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    fprintf(out, "{\"seq\":%" PRIu64 ",\"time\":\"%s.%03ldZ\",\"event\":\"%s\"", journal.head.spare, text,
            now.tv_nsec / 1000000, what);
}

static void put_subject(FILE *out, struct subject *who)
{
    fprintf(out, ",\"domid\":%u,\"name\":", who->domid);
    text_json(out, who->name);
    fputs(",\"uuid\":\"", out);
    for (int i = 0; i < 16; i++)
        fprintf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", who->uuid[i]);
    putc('"', out);
    if (who->suppressed)
        fprintf(out, ",\"suppressed\":%u", who->suppressed);
    who->suppressed = 0;
}

static void keep_line(const char *line, size_t size)
{
    static int64_t named_ms;
    int error = line && size <= EVENT_LINE_MAX ? keep_append(&journal, line, size, 0) : ENOMEM;

    if (error && log_is_due(&named_ms))
        log_warn("event %" PRIu64 " is lost to those who read them: %s (see df %s)", journal.head.spare,
                 strerror(error), daemon_state.options.run_dir);
    if (!error)
        client_kick(&journal);
}

void event_say(struct subject *who, const char *what, const char *format, ...)
{
    char *line = NULL;
    size_t size = 0;
    va_list args;
    FILE *out;

    if (journal.fd < 0)
        return;
    journal.head.spare++;
    out = open_memstream(&line, &size);
    if (out) {
        put_head(out, what);
        if (who)
            put_subject(out, who);
        va_start(args, format);
        vfprintf(out, format, args);
        va_end(args);
        fputs("}\n", out);
        if (fclose(out)) {
            free(line);
            line = NULL;
        }
    }
    keep_line(line, size);
    free(line);
}

bool event_may(struct subject *who)
{
    int64_t now = now_ms(), gained = (now - who->filled_ms) / 1000;

    if (gained > 0 || !who->filled_ms) {
        who->tokens = !who->filled_ms || who->tokens + gained > BURST ? BURST : who->tokens + (int)gained;
        who->filled_ms = who->filled_ms ? who->filled_ms + gained * 1000 : now;
    }
    if (who->tokens > 0) {
        who->tokens--;
        return true;
    }
    who->suppressed++;
    return false;
}

void event_init(void)
{
    int error = keep_open(&journal, daemon_state.run_dir, "events", JOURNAL_BYTES);

    if (error)
        log_warn("events are not kept, and wirt events has none: %s/events: %s", daemon_state.options.run_dir,
                 strerror(error));
    else
        event_say(NULL, "wirtd-started", ",\"version\":\"%s\"", wirt_version);
}
