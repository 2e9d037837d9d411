/* SPDX-License-Identifier: MIT */
/*
 * `wirt events`: the daemon's journal, one JSON object a line, as it comes. Numbers in the lines say whether any is
 * missing: what could not be had is said in the stream, by an event "gap" with the count. When the daemon goes, the
 * stream says so and goes on where it was as soon as there is one again. Lines of our own have no number.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "wirtd_client.h"

#define AGAIN_MS 500
#define ONCE_MS  3000
#define LINE_MAX 4096

struct stream {
    struct run *r;
    const char *domain; /* NULL: of all */
    bool is_domid;
    uint64_t domid;
    double since;          /* seconds since 1970; 0: any */
    uint64_t number;       /* of the last line that came; what is asked for are those behind it */
    uint64_t left, end_ns; /* events to print; when to give up, 0: never */
    bool does_once, is_text;
};

/* ---- printing ---- */

/* For a person: when, who, what, and the rest as it is. */
static void print_text(json_t *event)
{
    const char *when = json_string_value(json_object_get(event, "time")), *key;
    const char *what = json_string_value(json_object_get(event, "event"));
    json_t *name = json_object_get(event, "name"), *value;

    printf("%.10s %.8s  ", when ? when : "", when && strlen(when) > 11 ? when + 11 : "");
    if (name) {
        print_clean(stdout, json_string_value(name), json_string_length(name));
        printf(" (%lld)  ", (long long)json_integer_value(json_object_get(event, "domid")));
    }
    fputs(what ? what : "?", stdout);
    json_object_foreach(event, key, value)
    {
        static const char *const heads[] = {"seq", "time", "event", "domid", "name", "uuid"};
        bool is_head = false;
        char *text;

        for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
            is_head |= strcmp(key, heads[i]) == 0;
        text = is_head ? NULL : json_dumps(value, JSON_ENCODE_ANY);
        if (text) {
            printf("  %s=", key);
            print_clean(stdout, text, strlen(text));
        }
        free(text);
    }
    putchar('\n');
}

static void print(struct stream *s, json_t *event)
{
    if (s->is_text)
        print_text(event);
    else
        json_dumpf(event, stdout, JSON_COMPACT), putchar('\n');
    s->left--;
}

/* One that the daemon did not write. */
static void say(struct stream *s, const char *what, const char *key, json_t *value)
{
    struct timespec now;
    char text[40], all[48];
    struct tm utc;
    json_t *event;

    clock_gettime(CLOCK_REALTIME, &now);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &utc));
    snprintf(all, sizeof(all), "%s.%03uZ", text, (unsigned int)(now.tv_nsec / 1000000) % 1000);
    event = json_pack("{s:s, s:s}", "time", all, "event", what);
    if (key)
        json_object_set_new(event, key, value);
    print(s, event);
    json_decref(event);
}

/* ---- which events ---- */

static bool is_wanted(const struct stream *s, json_t *event)
{
    const char *name = json_string_value(json_object_get(event, "name"));
    const char *was = json_string_value(json_object_get(event, "was"));
    json_t *domid = json_object_get(event, "domid");
    const char *when = json_string_value(json_object_get(event, "time"));
    struct tm utc = {0};
    const char *rest = s->since > 0 && when ? strptime(when, "%Y-%m-%dT%H:%M:%S", &utc) : NULL;

    if (rest && (double)timegm(&utc) + strtod(rest, NULL) < s->since)
        return false;
    if (!s->domain || !domid)
        return true;
    return s->is_domid ? (uint64_t)json_integer_value(domid) == s->domid
                       : (name && !strcmp(name, s->domain)) || (was && !strcmp(was, s->domain));
}

/* A line of the daemon; says what is missing in front of it. */
static void take_line(struct stream *s, const char *line)
{
    json_t *event = json_loads(line, 0, NULL);
    uint64_t number = (uint64_t)json_integer_value(json_object_get(event, "seq"));

    if (number > s->number + 1 && s->number)
        say(s, "gap", "count", json_integer((json_int_t)(number - s->number - 1)));
    if (number)
        s->number = number;
    if (event && s->left && is_wanted(s, event))
        print(s, event);
    json_decref(event);
}

/* ---- the connection ---- */

/* Asks for what comes behind the last number. *next: what the next event of the daemon would have. */
static int ask(struct stream *s, bool is_new, int *fd, uint64_t *next)
{
    char request[64], *reply = NULL, *text;
    int code;

    snprintf(request, sizeof(request), is_new ? "events new" : "events %lu", s->number);
    code = wirt_daemon_stream(s->r->w, request, &reply, fd);
    if (code)
        return code;
    text = wirt_daemon_member(reply, "next");
    *next = text ? strtoull(text, NULL, 10) : 1;
    free(text);
    free(reply);
    return 0;
}

static int left_ms(const struct stream *s)
{
    uint64_t now = now_ns();

    return !s->end_ns ? -1 : s->end_ns > now ? (int)((s->end_ns - now) / 1000000) + 1 : 0;
}

/* Until the connection ends (false), the time is over, or all is there that was wanted. last: with --once, the last
 * number; one that the daemon could not keep never comes. */
static bool follow(struct stream *s, int fd, uint64_t last)
{
    char bytes[LINE_MAX + 1];
    size_t have = 0;

    while (s->left && (!s->does_once || s->number < last)) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int most = left_ms(s), ready = poll(&wait, 1, s->does_once && (most < 0 || most > ONCE_MS) ? ONCE_MS : most);
        ssize_t n = ready > 0 ? read(fd, bytes + have, LINE_MAX - have) : -1;
        char *at = bytes, *end;

        if (ready < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ready == 0;
        have += (size_t)n;
        bytes[have] = 0;
        for (; s->left && (end = strchr(at, '\n')); at = end + 1) {
            *end = 0;
            take_line(s, at);
        }
        have -= (size_t)(at - bytes);
        memmove(bytes, at, have);
        if (have == LINE_MAX || fflush(stdout)) /* no line of the daemon's is as long */
            return true;
    }
    return true;
}

/* Another journal than the one of our last number: nobody knows how many there were in between, and all of it is new.
 */
static int check_journal(struct stream *s, int *fd, uint64_t *next)
{
    if (*next > s->number)
        return 0;
    say(s, "gap", "count", json_null());
    s->number = 0;
    close(*fd);
    return ask(s, false, fd, next);
}

/* The daemon is gone: says so, waits for the next one. */
static int again(struct stream *s, int *fd, uint64_t *next)
{
    int code = WIRT_NO_HOST;

    say(s, "wirtd-lost", NULL, NULL);
    fflush(stdout);
    while (s->left && code == WIRT_NO_HOST && left_ms(s)) {
        poll(NULL, 0, AGAIN_MS);
        code = ask(s, false, fd, next);
    }
    return code ? code : check_journal(s, fd, next);
}

static int run_stream(struct stream *s, bool is_new)
{
    uint64_t next = 1;
    int fd, code = ask(s, is_new, &fd, &next);

    if (code)
        return code;
    if (is_new)
        s->number = next - 1;
    code = check_journal(s, &fd, &next);
    while (!code) {
        bool is_done = follow(s, fd, next - 1);

        close(fd);
        if (!s->left || (is_done && left_ms(s)))
            return 0;
        code = left_ms(s) ? again(s, &fd, &next) : WIRT_TIMEOUT;
    }
    if (!left_ms(s))
        return wirt_fail(s->r->w, WIRT_TIMEOUT, "events", "wait for them", "", "there were no more in time");
    return code;
}

/* A number of an event, or with a letter behind it a time before now. */
static int parse_since(struct stream *s, const char *text)
{
    static const char letters[] = "smhd";
    static const double seconds[] = {1, 60, 3600, 86400};
    const char *letter;
    char *end;
    uint64_t n = strtoull(text, &end, 10);

    letter = *end ? strchr(letters, *end) : NULL;
    if (*text < '0' || *text > '9' || (*end && (!letter || end[1])) || n > INT64_MAX)
        return usage_fail(
            s->r, "--since is '%.40s', and has to be an event's number, or a time before now: 10m (s m h d)", text);
    if (letter)
        s->since = (double)time(NULL) - (double)n * seconds[letter - letters];
    else
        s->number = n;
    return 0;
}

int run_events(struct run *r)
{
    struct stream s = {.r = r, .domain = run_choice(r, 'd'), .left = UINT64_MAX};
    const char *since = run_choice(r, 's'), *count = run_choice(r, 'n'), *timeout = run_choice(r, 't');
    uint64_t seconds = 0;
    char *end;
    int code = since ? parse_since(&s, since) : 0;

    code = code || !count ? code : parse_number(r, "--count", count, 1, UINT32_MAX, &s.left);
    code = code || !timeout ? code : parse_number(r, "--timeout", timeout, 1, 1000000, &seconds);
    if (code)
        return code;
    s.end_ns = seconds ? now_ns() + seconds * 1000000000 : 0;
    s.does_once = run_choice(r, 'o');
    s.is_text = run_choice(r, 'T') && !r->does_json;
    s.domid = s.domain ? strtoull(s.domain, &end, 10) : 0;
    s.is_domid = s.domain && *s.domain && !*end;
    return run_stream(&s, !since && !s.does_once);
}
