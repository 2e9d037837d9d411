/* SPDX-License-Identifier: MIT */
/*
 * A client of xenstored's that does not wait for one answer before it asks the next question. It has a connection of
 * its own, which stays with the handle. Requests of a batch are kept as they go out; only the transaction's id is
 * filled in when it is known. All answers are read whatever they are, so that the connection stays in step; when it is
 * not (an answer that fits no question), it is closed. Layout: xen/io/xs_wire.h.
 */
#include "batch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>

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

/* ---- the connection ---- */

static void hang_up(struct wirt *w)
{
    if (w->batch_fd > 0)
        close(w->batch_fd);
    w->batch_fd = 0;
}

static int call_up(struct wirt *w)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    if (w->batch_fd > 0)
        return 0;
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", xs_daemon_socket());
    w->batch_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (w->batch_fd < 0 || connect(w->batch_fd, (struct sockaddr *)&to, sizeof(to))) {
        fail_errno(w, WIRT_NO_HOST, "xenstored", "connect", "is it running? try systemctl start xenstored",
                   "it does not answer on %s", to.sun_path);
        hang_up(w);
        return WIRT_NO_HOST;
    }
    return 0;
}

static bool send_all(struct wirt *w, const char *data, size_t size)
{
    while (size) {
        ssize_t n = send(w->batch_fd, data, size, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

/* What has come of the answers. */
struct inbox {
    struct wirt *w;
    size_t have, taken;
    char data[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
};

static void inbox_open(struct inbox *in, struct wirt *w)
{
    in->w = w;
    in->have = in->taken = 0;
}

/* At least `size` bytes that are not taken yet. */
static bool receive(struct inbox *in, size_t size)
{
    if (in->have - in->taken >= size)
        return true;
    memmove(in->data, in->data + in->taken, in->have - in->taken);
    in->have -= in->taken;
    in->taken = 0;
    while (in->have < size) {
        ssize_t n = recv(in->w->batch_fd, in->data + in->have, sizeof(in->data) - in->have, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        in->have += (size_t)n;
    }
    return true;
}

/* The answer with this number. text: its payload, ended by NUL. */
static bool answer(struct inbox *in, uint32_t id, struct xsd_sockmsg *m, char text[XENSTORE_PAYLOAD_MAX + 1])
{
    do {
        if (!receive(in, sizeof(*m)))
            return false;
        memcpy(m, in->data + in->taken, sizeof(*m));
        if (m->len > XENSTORE_PAYLOAD_MAX || !receive(in, sizeof(*m) + m->len))
            return false;
        memcpy(text, in->data + in->taken + sizeof(*m), m->len);
        in->taken += sizeof(*m) + m->len;
    } while (m->type == XS_WATCH_EVENT);
    text[m->len] = 0;
    return m->req_id == id;
}

static bool ask(struct inbox *in, uint32_t type, uint32_t tx, const char *payload, struct xsd_sockmsg *m,
                char text[XENSTORE_PAYLOAD_MAX + 1])
{
    struct {
        struct xsd_sockmsg m;
        char payload[4];
    } out = {{.type = type, .req_id = 0, .tx_id = tx, .len = (uint32_t)strlen(payload) + 1}, ""};

    memcpy(out.payload, payload, out.m.len);
    return send_all(in->w, (char *)&out, sizeof(out.m) + out.m.len) && answer(in, 0, m, text);
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
static bool converse(struct batch *b, struct inbox *in, uint32_t tx, struct verdict *v)
{
    char text[XENSTORE_PAYLOAD_MAX + 1];
    struct xsd_sockmsg m, request;

    for (size_t at = 0; tx && at < b->used; at += sizeof(request) + request.len) {
        memcpy(&request, b->data + at, sizeof(request));
        request.tx_id = tx;
        memcpy(b->data + at, &request, sizeof(request));
    }
    if (!send_all(b->w, b->data, b->used))
        return false;
    for (size_t at = 0; at < b->used; at += sizeof(request) + request.len) {
        memcpy(&request, b->data + at, sizeof(request));
        if (!answer(in, request.req_id, &m, text))
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
    struct inbox in;
    uint32_t tx;
    bool is_good;

    inbox_open(&in, b->w);
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
    int code = call_up(w);

    if (!code && b->has_failed)
        code = wirt_fail(w, WIRT_NO_ROOM, object, step, "", "a value is too long for xenstore, or dom0 has no memory");
    for (int i = 0; !code; i++) {
        if (!run(b, &v)) {
            hang_up(w);
            code = wirt_fail(w, WIRT_NO_HOST, object, step, "is xenstored running?", "xenstored hung up");
            break;
        }
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

struct reading {
    char **value;    /* of keys, */
    uint32_t *names; /* or of directories */
};

static void note(const struct reading *r, size_t at, const struct xsd_sockmsg *m, const char *text)
{
    bool is_error = m->type == XS_ERROR;

    if (r->value) {
        free(r->value[at]); /* of an attempt before */
        r->value[at] = is_error ? NULL : malloc(m->len + 1u);
        if (r->value[at])
            memcpy(r->value[at], text, m->len + 1u);
        return;
    }
    r->names[at] = is_error && strcmp(text, "E2BIG") == 0 ? BATCH_MANY : 0;
    for (uint32_t i = 0; i < m->len && !is_error; i++)
        r->names[at] += text[i] == 0;
}

static bool read_once(const struct batch *b, const struct reading *r)
{
    char text[XENSTORE_PAYLOAD_MAX + 1];
    struct xsd_sockmsg m;
    struct inbox in;

    inbox_open(&in, b->w);
    if (!send_all(b->w, b->data, b->used))
        return false;
    for (uint32_t i = 0; i < b->count; i++) {
        if (!answer(&in, i, &m, text))
            return false;
        note(r, i, &m, text);
    }
    return true;
}

static int read_together(struct wirt *w, uint32_t type, const char *const path[], size_t count, const struct reading *r)
{
    bool was_up = w->batch_fd > 0, is_read = false;
    int code = 0;
    struct batch b;

    batch_begin(&b, w);
    for (size_t i = 0; i < count; i++)
        add(&b, type, PLAIN, path[i], NULL, false, NULL);
    if (b.has_failed)
        code = wirt_fail(w, WIRT_NO_ROOM, path[0], "read xenstore", "", "a path is too long, or dom0 has no memory");
    /* A connection that is kept may be one to a xenstored that is no more. */
    for (int tries = was_up ? 2 : 1; !code && !is_read && tries; tries--) {
        code = call_up(w);
        is_read = !code && read_once(&b, r);
        if (!is_read)
            hang_up(w);
    }
    if (!code && !is_read)
        code = wirt_fail(w, WIRT_NO_HOST, path[0], "read xenstore", "is xenstored running?", "xenstored hung up");
    batch_drop(&b);
    return code;
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
