/* SPDX-License-Identifier: MIT */
/*
 * A client of xenstored's that does not wait for one answer before it asks the next question. Requests of a batch are
 * kept as they go out; only the transaction's id is filled in when it is known. All answers are read whatever they are,
 * so that the connection stays in step; when it is not (an answer that fits no question), it is closed. Layout:
 * xen/io/xs_wire.h.
 */
#include "batch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch_wire.h"

#define TRIES 100

/* What a request says in req_id about its answer; the rest of req_id is its number. */
enum { PLAIN, ABSENT, REMOVE };
#define KIND(id) ((id) >> 24)

void batch_begin(struct batch *b, struct wirt *w)
{
    memset(b, 0, sizeof(*b));
    b->w = w;
}

/* Up to three parts, the first two with their final NUL. */
static void add(struct batch *b, uint32_t type, uint32_t kind, const char *path, const char *text, bool has_nul,
                const char *more)
{
    size_t path_len = strlen(path) + 1, text_len = text ? strlen(text) + has_nul : 0,
           more_len = more ? strlen(more) + 1 : 0;
    struct xsd_sockmsg m = {
        .type = type, .req_id = kind << 24 | b->count, .len = (uint32_t)(path_len + text_len + more_len)};
    size_t need = b->used + sizeof(m) + m.len;
    char *at;

    if (m.len > XENSTORE_PAYLOAD_MAX)
        b->has_failed = true;
    if (need > b->size) {
        size_t size = need + 4096;

        at = realloc(b->data, size);
        if (!at)
            b->has_failed = true;
        if (b->has_failed)
            return;
        b->data = at;
        b->size = size;
    }
    at = b->data + b->used;
    memcpy(at, &m, sizeof(m));
    memcpy(at += sizeof(m), path, path_len);
    memcpy(at += path_len, text ? text : "", text_len);
    memcpy(at + text_len, more ? more : "", more_len);
    b->used = need;
    b->count++;
}

void batch_write(struct batch *b, const char *path, const char *format, ...)
{
    char value[XENSTORE_PAYLOAD_MAX];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    if (n >= (int)sizeof(value))
        b->has_failed = true;
    add(b, XS_WRITE, PLAIN, path, value, false, NULL);
}

void batch_mkdir(struct batch *b, const char *path)
{
    add(b, XS_MKDIR, PLAIN, path, NULL, false, NULL);
}

void batch_remove(struct batch *b, const char *path)
{
    add(b, XS_RM, REMOVE, path, NULL, false, NULL);
}

void batch_absent(struct batch *b, const char *path)
{
    add(b, XS_READ, ABSENT, path, NULL, false, NULL);
}

void batch_permit(struct batch *b, const char *path, const char *first, const char *second)
{
    add(b, XS_SET_PERMS, PLAIN, path, first, true, second);
}

void batch_introduce(struct batch *b, uint32_t domid, uint64_t frame, uint32_t port)
{
    char id[16], mfn[24], text[16];

    snprintf(id, sizeof(id), "%u", domid);
    snprintf(mfn, sizeof(mfn), "%lu", frame);
    snprintf(text, sizeof(text), "%u", port);
    add(b, XS_INTRODUCE, PLAIN, id, mfn, true, text);
}

/* ---- a transaction ---- */

static bool ask(struct wire_inbox *in, uint32_t type, uint32_t tx, const char *payload, struct xsd_sockmsg *m,
                char text[XENSTORE_PAYLOAD_MAX + 1])
{
    struct {
        struct xsd_sockmsg m;
        char payload[4];
    } out = {{.type = type, .req_id = 0, .tx_id = tx, .len = (uint32_t)strlen(payload) + 1}, ""};

    memcpy(out.payload, payload, out.m.len);
    return wire_send(in->w, (char *)&out, sizeof(out.m) + out.m.len) && wire_answer(in, 0, m, text);
}

/* ---- a batch ---- */

struct verdict {
    char error[32]; /* the first that counts, as xenstored names it */
    char path[128]; /* of that request */
    bool is_absent_broken;
};

static void judge(struct verdict *v, uint32_t id, const char *path, const struct xsd_sockmsg *m, const char *text)
{
    uint32_t kind = KIND(id);
    bool is_error = m->type == XS_ERROR, is_enoent = is_error && strcmp(text, "ENOENT") == 0;
    bool is_good = kind == ABSENT ? is_enoent : !is_error || (kind == REMOVE && is_enoent);

    if (is_good || v->error[0] || v->is_absent_broken)
        return;
    snprintf(v->path, sizeof(v->path), "%s", path);
    v->is_absent_broken = kind == ABSENT && !is_error;
    if (!v->is_absent_broken)
        snprintf(v->error, sizeof(v->error), "%.31s", is_error ? text : "an answer that fits no request");
}

/* The requests, all in one piece, and what is said to each. false: the connection is of no more use. */
static bool converse(struct batch *b, struct wire_inbox *in, uint32_t tx, struct verdict *v)
{
    char text[XENSTORE_PAYLOAD_MAX + 1];
    struct xsd_sockmsg m, request;

    for (size_t at = 0; tx && at < b->used; at += sizeof(request) + request.len) {
        memcpy(&request, b->data + at, sizeof(request));
        request.tx_id = tx;
        memcpy(b->data + at, &request, sizeof(request));
    }
    if (!wire_send(b->w, b->data, b->used))
        return false;
    for (size_t at = 0; at < b->used; at += sizeof(request) + request.len) {
        memcpy(&request, b->data + at, sizeof(request));
        if (!wire_answer(in, request.req_id, &m, text))
            return false;
        judge(v, request.req_id, b->data + at + sizeof(request), &m, text);
    }
    return true;
}

/* One transaction; what is one request needs none. false: the connection is of no more use. */
static bool run(struct batch *b, struct verdict *v)
{
    char text[XENSTORE_PAYLOAD_MAX + 1];
    struct xsd_sockmsg m;
    struct wire_inbox in;
    uint32_t tx;
    bool is_good;

    wire_begin(&in, b->w);
    memset(v, 0, sizeof(*v));
    if (b->count == 1)
        return converse(b, &in, 0, v);
    if (!ask(&in, XS_TRANSACTION_START, 0, "", &m, text))
        return false;
    if (m.type == XS_ERROR) {
        snprintf(v->error, sizeof(v->error), "%.31s", text);
        return true;
    }
    tx = (uint32_t)strtoul(text, NULL, 10);
    if (!converse(b, &in, tx, v))
        return false;
    is_good = !v->error[0] && !v->is_absent_broken;
    if (!ask(&in, XS_TRANSACTION_END, tx, is_good ? "T" : "F", &m, text))
        return false;
    if (is_good && m.type == XS_ERROR)
        snprintf(v->error, sizeof(v->error), "%.31s", text);
    return true;
}

static int explain(struct batch *b, const struct verdict *v, const char *object, const char *step)
{
    static const struct {
        const char *error, *text;
        enum wirt_code code;
    } known[] = {
        {"EAGAIN", "other clients change xenstore all the time", WIRT_TIMEOUT},
        {"EACCES", "xenstored does not allow it", WIRT_REFUSED},
        {"EINVAL", "xenstored does not take the path or value", WIRT_REFUSED},
        {"ENOSPC", "a quota of xenstored is used up", WIRT_NO_ROOM},
        {"EDQUOT", "a quota of xenstored is used up", WIRT_NO_ROOM},
        {"E2BIG", "a quota of xenstored is used up", WIRT_NO_ROOM},
        {"ENOMEM", "xenstored is out of memory", WIRT_NO_ROOM},
    };

    if (v->is_absent_broken) {
        snprintf(b->taken, sizeof(b->taken), "%s", v->path);
        return wirt_fail(b->w, WIRT_EXISTS, object, step, "", "%s is in xenstore already", v->path);
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i].error, v->error) == 0)
            return wirt_fail(b->w, known[i].code, object, step, "", "%s%s%s", v->path, v->path[0] ? ": " : "",
                             known[i].text);
    return wirt_fail(b->w, WIRT_FAILED, object, step, "", "%s: xenstored says %s", v->path, v->error);
}

void batch_drop(struct batch *b)
{
    free(b->data);
    b->data = NULL;
    b->used = b->size = b->count = 0;
    b->has_failed = false;
}

int batch_commit(struct batch *b, const char *object, const char *step)
{
    struct wirt *w = b->w;
    struct verdict v;
    int code = wire_call_up(w);

    if (!code && b->has_failed)
        code = wirt_fail(w, WIRT_NO_ROOM, object, step, "", "a value is too long for xenstore, or dom0 has no memory");
    for (int i = 0; !code; i++) {
        if (!run(b, &v)) {
            code = wire_give_up(w, object, step);
            break;
        }
        w->silent_ms = 0;
        if (strcmp(v.error, "EAGAIN") == 0 && i < TRIES)
            continue;
        if (v.error[0] || v.is_absent_broken)
            code = explain(b, &v, object, step);
        break;
    }
    batch_drop(b);
    return code;
}

/* ---- reading ---- */

enum { LOOK_VALUE, LOOK_ACCESS, LOOK_NAMES, LOOKS };

/* Where what is read goes to: to one of these. */
struct reading {
    char **value;            /* of keys, */
    uint32_t *names;         /* of directories, */
    struct batch_look *look; /* or all of one key */
};

static void put(char **to, const char *text, size_t bytes)
{
    free(*to); /* of an attempt before */
    *to = malloc(bytes + 1);
    if (*to)
        memcpy(*to, text, bytes + 1);
}

static void note_look(struct batch_look *l, size_t at, const struct xsd_sockmsg *m, const char *text)
{
    bool is_error = m->type == XS_ERROR;
    struct batch_piece *p = at == LOOK_VALUE ? &l->value : at == LOOK_ACCESS ? &l->access : &l->names;

    l->is_absent |= is_error && strcmp(text, "ENOENT") == 0;
    l->has_more |= at == LOOK_NAMES && is_error && strcmp(text, "E2BIG") == 0;
    p->bytes = is_error ? 0 : m->len;
    put(&p->data, is_error ? "" : text, p->bytes);
}

static void note(const struct reading *r, size_t at, const struct xsd_sockmsg *m, const char *text)
{
    bool is_error = m->type == XS_ERROR;

    if (r->look) {
        note_look(r->look, at, m, text);
    } else if (r->value && is_error) {
        free(r->value[at]);
        r->value[at] = NULL;
    } else if (r->value) {
        put(&r->value[at], text, m->len);
    } else {
        r->names[at] = is_error && strcmp(text, "E2BIG") == 0 ? BATCH_MANY : 0;
        for (uint32_t i = 0; i < m->len && !is_error; i++)
            r->names[at] += text[i] == 0;
    }
}

static bool read_once(const struct batch *b, const struct reading *r)
{
    char text[XENSTORE_PAYLOAD_MAX + 1];
    struct xsd_sockmsg m;
    struct wire_inbox in;

    wire_begin(&in, b->w);
    if (!wire_send(b->w, b->data, b->used))
        return false;
    for (uint32_t i = 0; i < b->count; i++) {
        if (!wire_answer(&in, i, &m, text))
            return false;
        note(r, i, &m, text);
    }
    return true;
}

/* Sends what the batch has, and is the end of it. */
static int read_all(struct batch *b, const char *object, const struct reading *r)
{
    struct wirt *w = b->w;
    bool was_up = w->batch_fd > 0, is_read = false;
    int code = 0;

    if (b->has_failed)
        code = wirt_fail(w, WIRT_NO_ROOM, object, "read xenstore", "", "a path is too long, or dom0 has no memory");
    /* A connection that is kept may be one to a xenstored that is no more. */
    for (int tries = was_up ? 2 : 1; !code && !is_read && tries; tries--) {
        code = wire_call_up(w);
        is_read = !code && read_once(b, r);
        if (w->owes_answer)
            break;
        if (!is_read)
            wire_hang_up(w);
    }
    if (is_read)
        w->silent_ms = 0;
    else if (!code)
        code = wire_give_up(w, object, "read xenstore");
    batch_drop(b);
    return code;
}

static int read_together(struct wirt *w, uint32_t type, const char *const path[], size_t count, const struct reading *r)
{
    struct batch b;

    batch_begin(&b, w);
    for (size_t i = 0; i < count; i++)
        add(&b, type, PLAIN, path[i], NULL, false, NULL);
    return read_all(&b, path[0], r);
}

int batch_read(struct wirt *w, const char *const path[], char *value[], size_t count)
{
    memset(value, 0, count * sizeof(*value));
    return read_together(w, XS_READ, path, count, &(struct reading){.value = value});
}

int batch_count(struct wirt *w, const char *const path[], uint32_t names[], size_t count)
{
    memset(names, 0, count * sizeof(*names));
    return read_together(w, XS_DIRECTORY, path, count, &(struct reading){.names = names});
}

/* ---- all of one key ---- */

void batch_look_end(struct batch_look *l)
{
    free(l->value.data);
    free(l->access.data);
    free(l->names.data);
    memset(l, 0, sizeof(*l));
}

/* Names that no single message holds: GENERATION NUL names, and a NUL more at their end. */
static int look_further(struct wirt *w, const char *path, struct batch_look *l)
{
    char offset[24], *all = NULL, *more;
    size_t used = 0, from;
    struct batch_look part;
    int code = 0;

    for (bool is_last = false; !code && !is_last; batch_look_end(&part)) {
        struct batch b;

        memset(&part, 0, sizeof(part));
        snprintf(offset, sizeof(offset), "%zu", used);
        batch_begin(&b, w);
        add(&b, XS_DIRECTORY_PART, PLAIN, path, offset, true, NULL);
        code = read_all(&b, path, &(struct reading){.look = &part});
        from = code || !part.value.data ? 0 : strlen(part.value.data) + 1;
        if (part.value.bytes <= from) /* it went meanwhile */
            break;
        more = realloc(all, used + part.value.bytes);
        if (!more)
            break;
        all = more;
        memcpy(all + used, part.value.data + from, part.value.bytes - from);
        used += part.value.bytes - from;
        is_last = !all[used - 1] && (used == 1 || !all[used - 2]);
        used -= is_last;
    }
    batch_look_end(&part);
    free(l->names.data);
    l->names.data = all;
    l->names.bytes = used;
    return code;
}

int batch_look(struct wirt *w, const char *path, struct batch_look *l)
{
    struct batch b;
    int code;

    memset(l, 0, sizeof(*l));
    batch_begin(&b, w);
    add(&b, XS_READ, PLAIN, path, NULL, false, NULL);
    add(&b, XS_GET_PERMS, PLAIN, path, NULL, false, NULL);
    add(&b, XS_DIRECTORY, PLAIN, path, NULL, false, NULL);
    code = read_all(&b, path, &(struct reading){.look = l});
    if (!code && l->has_more)
        code = look_further(w, path, l);
    if (code)
        batch_look_end(l);
    return code;
}
