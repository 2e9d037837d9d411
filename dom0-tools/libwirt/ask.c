/* SPDX-License-Identifier: MIT */
/*
 * Single questions. Outside of a transaction one is asked again when the connection was an old one and breaks, as
 * xenstored may have been started anew; all that is asked here may be done twice.
 */
#include "ask.h"
#include "batch_wire.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char modes[] = "nrwb"; /* XS_PERM_NONE, _READ, _WRITE, both */

int need_store(struct wirt *w)
{
    return wire_call_up(w);
}

static int errno_of(const char *word)
{
    for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
        if (!strcmp(word, xsd_errors[i].errstring))
            return xsd_errors[i].errnum;
    return EIO;
}

struct question {
    struct xsd_sockmsg m;
    char payload[XENSTORE_PAYLOAD_MAX];
};

static void add(struct question *q, const void *part, size_t bytes)
{
    if (q->m.len + bytes <= sizeof(q->payload))
        memcpy(q->payload + q->m.len, part, bytes);
    q->m.len += (uint32_t)bytes;
}

/* Over the wire and back; false with errno. */
static bool put(struct wirt *w, const struct question *q, struct xsd_sockmsg *m, char text[XENSTORE_PAYLOAD_MAX + 1])
{
    int code = 0;

    for (int tries = w->batch_fd > 0 && !q->m.tx_id ? 2 : 1; tries && !code; tries--) {
        struct wire_inbox in;

        code = wire_call_up(w);
        wire_begin(&in, w);
        if (!code && wire_send(w, (const char *)q, sizeof(q->m) + q->m.len) && wire_answer(&in, 0, m, text)) {
            w->silent_ms = 0;
            return true;
        }
        if (!code && (w->is_late || tries == 1))
            code = wire_give_up(w, "xenstored", "wait for its answer");
        else if (!code)
            wire_hang_up(w);
    }
    errno = w->is_late ? ETIMEDOUT : ECONNRESET;
    return false;
}

/* The answer, to be freed, with a NUL behind it; NULL: errno. */
static char *ask(struct wirt *w, struct question *q, unsigned int *bytes)
{
    char text[XENSTORE_PAYLOAD_MAX + 1], *answer;
    struct xsd_sockmsg m;

    if (q->m.len > sizeof(q->payload)) {
        errno = E2BIG;
        return NULL;
    }
    if (!put(w, q, &m, text))
        return NULL;
    if (m.type == XS_ERROR) {
        errno = errno_of(text);
        return NULL;
    }
    answer = malloc(m.len + 1);
    if (answer)
        memcpy(answer, text, m.len + 1);
    if (bytes)
        *bytes = m.len;
    return answer;
}

static struct question about(uint32_t type, uint32_t t, const char *path)
{
    struct question q = {.m = {.type = type, .tx_id = t}};

    add(&q, path, strlen(path) + 1);
    return q;
}

static bool tell(struct wirt *w, struct question *q)
{
    char *answer = ask(w, q, NULL);

    free(answer);
    return answer;
}

char *ask_read(struct wirt *w, uint32_t t, const char *path, unsigned int *bytes)
{
    struct question q = about(XS_READ, t, path);

    return ask(w, &q, bytes);
}

bool ask_write(struct wirt *w, uint32_t t, const char *path, const void *value, size_t bytes)
{
    struct question q = about(XS_WRITE, t, path);

    add(&q, value, bytes);
    return tell(w, &q);
}

bool ask_mkdir(struct wirt *w, uint32_t t, const char *path)
{
    struct question q = about(XS_MKDIR, t, path);

    return tell(w, &q);
}

bool ask_remove(struct wirt *w, uint32_t t, const char *path)
{
    struct question q = about(XS_RM, t, path);

    return tell(w, &q);
}

bool ask_permit(struct wirt *w, uint32_t t, const char *path, const struct xs_permissions *list, unsigned int count)
{
    struct question q = about(XS_SET_PERMS, t, path);
    char text[16];

    for (unsigned int i = 0; i < count; i++) {
        int n = snprintf(text, sizeof(text), "%c%u", modes[list[i].perms & 3], list[i].id);

        add(&q, text, (size_t)n + 1);
    }
    return tell(w, &q);
}

bool ask_release(struct wirt *w, uint32_t domid)
{
    struct question q;
    char text[16];

    snprintf(text, sizeof(text), "%u", domid);
    q = about(XS_RELEASE, 0, text);
    return tell(w, &q);
}

uint32_t ask_begin(struct wirt *w)
{
    struct question q = about(XS_TRANSACTION_START, 0, "");
    char *id = ask(w, &q, NULL);
    uint32_t t = id ? (uint32_t)strtoul(id, NULL, 10) : 0;

    free(id);
    return t;
}

bool ask_end(struct wirt *w, uint32_t t, bool does_commit)
{
    struct question q = about(XS_TRANSACTION_END, t, does_commit ? "T" : "F");

    return tell(w, &q);
}

static unsigned int count_texts(const char *text, unsigned int bytes)
{
    unsigned int count = 0;

    for (unsigned int i = 0; i < bytes; i++)
        count += !text[i];
    return count;
}

/* One more part of the names, behind those that are there: GENERATION NUL names, and a NUL more behind the last. When
 * the directory changes in between, from the start. 1: that was all. Negative: errno. */
static int list_part(struct wirt *w, uint32_t t, const char *path, char was[32], char **all, unsigned int *bytes)
{
    struct question q = about(XS_DIRECTORY_PART, t, path);
    char offset[16], *part, *more;
    unsigned int got, head;
    bool is_other;

    add(&q, offset, (size_t)snprintf(offset, sizeof(offset), "%u", *bytes) + 1);
    part = ask(w, &q, &got);
    head = part ? (unsigned int)strlen(part) + 1 : 0;
    more = part && got > head ? realloc(*all, *bytes + got) : NULL;
    if (!more) {
        free(part);
        return -1;
    }
    *all = more;
    is_other = *bytes && strcmp(was, part);
    snprintf(was, 32, "%s", part);
    memcpy(more + *bytes, part + head, got - head);
    *bytes = is_other ? 0 : *bytes + got - head;
    free(part);
    if (!*bytes || more[*bytes - 1] || (*bytes > 1 && more[*bytes - 2]))
        return 0;
    --*bytes;
    return 1;
}

static char *list_further(struct wirt *w, uint32_t t, const char *path, unsigned int *bytes)
{
    char *all = NULL, was[32] = "";
    int is_all;

    *bytes = 0;
    do
        is_all = list_part(w, t, path, was, &all, bytes);
    while (!is_all);
    if (is_all > 0)
        return all;
    free(all);
    return NULL;
}

char **ask_list(struct wirt *w, uint32_t t, const char *path, unsigned int *count)
{
    struct question q = about(XS_DIRECTORY, t, path);
    char *names, **list, *at;
    unsigned int bytes;

    *count = 0;
    names = ask(w, &q, &bytes);
    if (!names && errno == E2BIG)
        names = list_further(w, t, path, &bytes);
    if (!names)
        return NULL;
    *count = count_texts(names, bytes);
    list = malloc((*count + 1) * sizeof(*list) + bytes);
    at = list ? memcpy(list + *count + 1, names, bytes) : NULL;
    for (unsigned int i = 0; list && i < *count; i++, at += strlen(at) + 1)
        list[i] = at;
    *count = list ? *count : 0;
    free(names);
    return list;
}

struct xs_permissions *ask_access(struct wirt *w, const char *path, unsigned int *count)
{
    struct question q = about(XS_GET_PERMS, 0, path);
    struct xs_permissions *list;
    unsigned int bytes;
    const char *at;
    char *texts = ask(w, &q, &bytes);

    *count = texts ? count_texts(texts, bytes) : 0;
    list = texts ? calloc(*count + 1, sizeof(*list)) : NULL;
    at = texts;
    for (unsigned int i = 0; list && i < *count; i++, at += strlen(at) + 1) {
        const char *mode = at[0] ? strchr(modes, at[0]) : NULL;

        list[i].perms = mode ? (unsigned int)(mode - modes) : XS_PERM_NONE;
        list[i].id = mode ? (unsigned int)strtoul(at + 1, NULL, 10) : 0;
    }
    free(texts);
    return list;
}

int ask_fail(struct wirt *w, enum wirt_code code, const char *object, const char *step, const char *next,
             const char *cause, ...)
{
    char text[256];
    va_list args;

    if (w->is_late)
        return wire_give_up(w, object, step);
    if (w->silent_ms && w->error.code == WIRT_NO_HOST) /* there is none: that is said already */
        return WIRT_NO_HOST;
    va_start(args, cause);
    vsnprintf(text, sizeof(text), cause, args);
    va_end(args);
    return fail_errno(w, code, object, step, next, "%s", text);
}

bool ask_lives(struct wirt *w)
{
    char *root = ask_read(w, 0, "/", NULL);

    free(root);
    return root || !w->silent_ms;
}
