// SPDX-License-Identifier: MIT
/*
 * Random requests against a reference: a plain array of paths with values and permissions, and a copy of it for each
 * open transaction. dom0 on a socket and two guests on rings take turns; every answer must be the reference's.
 * test_crash does the same while the daemon is killed at random moments: guests go on as if nothing had happened,
 * clients on sockets connect again and find either what was there before their unanswered request or what it did.
 */
#include "rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NODES 160
#define TXNS  3
#define PATHS 60

struct entry {
    char path[40];
    char value[12];
    unsigned owner, other, other_mask, default_mask; /* other 0: no further entry */
    unsigned version;                                /* of value and permissions */
};
struct ref {
    struct entry e[NODES];
    unsigned count;
};
struct ref_txn {
    struct ref at_start, now;
    uint32_t id;
    char seen[PATHS * 4][40]; /* paths noted */
    char kind[PATHS * 4];     /* n: node, l: list, d: deep, e: exists */
    unsigned seen_count;
};
static struct ref store;
static unsigned clock_now;
static uint64_t random_state;

static unsigned pick(unsigned n)
{
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(random_state >> 33) % n;
}

static struct entry *find(struct ref *r, const char *path)
{
    for (unsigned i = 0; i < r->count; i++)
        if (!strcmp(r->e[i].path, path))
            return &r->e[i];
    return NULL;
}

static void parent_of(const char *path, char *out)
{
    strcpy(out, path);
    *strrchr(out, '/') = 0;
    if (!*out)
        strcpy(out, "/");
}

static struct entry *nearest(struct ref *r, const char *path)
{
    char p[40];
    struct entry *e;

    strcpy(p, path);
    while (!(e = find(r, p)))
        parent_of(p, p);
    return e;
}

static unsigned rights(const struct entry *e, unsigned domid)
{
    if (!domid || e->owner == domid)
        return 7;
    return e->other == domid ? e->other_mask : e->default_mask;
}

static bool is_below(const char *path, const char *top)
{
    size_t n = strlen(top);

    return !strncmp(path, top, n) && (!path[n] || path[n] == '/');
}

static unsigned by_path(const void *a, const void *b)
{
    return (unsigned)strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

static int compare(const void *a, const void *b)
{
    return (int)by_path(a, b);
}

static void children(struct ref *r, const char *path, char *out)
{
    size_t n = strlen(path);

    *out = 0;
    qsort(r->e, r->count, sizeof(r->e[0]), compare);
    for (unsigned i = 0; i < r->count; i++) {
        const char *p = r->e[i].path;

        if (!strncmp(p, path, n) && p[n] == '/' && p[n + 1] && !strchr(p + n + 1, '/'))
            sprintf(out + strlen(out), "%s|", p + n + 1);
    }
}

static void see(struct ref_txn *t, const char *path, char kind)
{
    if (!t || t->seen_count == PATHS * 4)
        return;
    strcpy(t->seen[t->seen_count], path);
    t->kind[t->seen_count++] = kind;
}

static unsigned deep_sum(struct ref *r, const char *path)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < r->count; i++)
        if (is_below(r->e[i].path, path))
            sum = sum * 31 + r->e[i].version;
    return sum;
}

static bool conflicts(struct ref_txn *t)
{
    static char was_list[4000], is_list[4000];

    for (unsigned i = 0; i < t->seen_count; i++) {
        struct entry *was = find(&t->at_start, t->seen[i]), *is = find(&store, t->seen[i]);

        if (!was != !is)
            return true;
        if (!was)
            continue;
        if ((t->kind[i] == 'n' || t->kind[i] == 'l') && was->version != is->version)
            return true;
        children(&t->at_start, t->seen[i], was_list);
        children(&store, t->seen[i], is_list);
        if (t->kind[i] == 'l' && strcmp(was_list, is_list))
            return true;
        qsort(t->at_start.e, t->at_start.count, sizeof(struct entry), compare);
        qsort(store.e, store.count, sizeof(struct entry), compare);
        if (t->kind[i] == 'd' && deep_sum(&t->at_start, t->seen[i]) != deep_sum(&store, t->seen[i]))
            return true;
    }
    return false;
}

static void make(struct ref *r, const char *path, const char *value, unsigned domid, struct ref_txn *t)
{
    struct entry like = *nearest(r, path);
    char p[40];
    size_t at = strlen(like.path);

    see(t, like.path, 'e');
    if (domid)
        like.owner = domid;
    for (at = at > 1 ? at : 0; path[at];) {
        at += 1 + strcspn(path + at + 1, "/");
        snprintf(p, sizeof(p), "%.*s", (int)at, path);
        see(t, p, 'e');
        like.version = ++clock_now;
        strcpy(like.path, p);
        strcpy(like.value, path[at] ? "" : value);
        r->e[r->count++] = like;
    }
}

static void drop(struct ref *r, const char *path)
{
    char top[40];

    strcpy(top, path);
    for (unsigned i = 0; i < r->count;)
        if (is_below(r->e[i].path, top))
            r->e[i] = r->e[--r->count];
        else
            i++;
}

/* One request: what to send, and the answer that it must get. */
struct step {
    uint32_t type;
    char payload[120], answer[4000];
};

static void refuse(struct step *s, const char *error)
{
    snprintf(s->answer, sizeof(s->answer), "!%s", error);
}

static void text_of_perms(const struct entry *e, char *out)
{
    int n = sprintf(out, "%c%u|", "nrwb"[e->default_mask], e -> owner);

    if (e->other)
        sprintf(out + n, "%c%u|", "nrwb"[e->other_mask], e -> other);
}

static void step_make(struct step *s, struct ref *r, struct ref_txn *t, unsigned domid, const char *path)
{
    struct entry *e;
    char value[12];
    bool is_write = pick(3) > 0;

    snprintf(value, sizeof(value), "v%u", pick(100000));
    s->type = is_write ? XS_WRITE : XS_MKDIR;
    snprintf(s->payload, sizeof(s->payload), "%s|%s", path, is_write ? value : "");
    strcpy(s->answer, "OK|");
    e = nearest(r, path);
    see(t, path, is_write ? 'n' : 'e');
    if (!(rights(e, domid) & 2))
        refuse(s, "EACCES");
    else if (strcmp(e->path, path))
        make(r, path, is_write ? value : "", domid, t);
    else if (is_write) {
        strcpy(e->value, value);
        e->version = ++clock_now;
    }
}

static void step_remove(struct step *s, struct ref *r, struct ref_txn *t, unsigned domid, const char *path)
{
    struct entry *e = nearest(r, path);
    char above[40];

    s->type = XS_RM;
    sprintf(s->payload, "%s|", path);
    strcpy(s->answer, "OK|");
    parent_of(path, above);
    see(t, path, 'd');
    see(t, path, 'n');
    if (!(rights(e, domid) & 2))
        refuse(s, "EACCES");
    else if (!strcmp(e->path, path))
        drop(r, path);
    else {
        see(t, above, 'e');
        if (!find(r, above))
            refuse(s, "ENOENT");
    }
}

static void step_set_perms(struct step *s, struct ref *r, struct ref_txn *t, unsigned domid, const char *path)
{
    static const unsigned domids[] = {0, 1, 2};
    struct entry *e = nearest(r, path);
    struct entry n = {.owner = domids[pick(3)], .default_mask = pick(4), .other = pick(3), .other_mask = pick(4)};
    char text[40];

    s->type = XS_SET_PERMS;
    text_of_perms(&n, text);
    sprintf(s->payload, "%s|%s", path, text);
    strcpy(s->answer, "OK|");
    see(t, path, 'n');
    if (domid && e->owner != domid)
        refuse(s, "EACCES");
    else if (strcmp(e->path, path))
        refuse(s, "ENOENT");
    else if (domid && n.owner != domid)
        refuse(s, "EPERM");
    else {
        e->owner = n.owner;
        e->default_mask = n.default_mask;
        e->other = n.other;
        e->other_mask = n.other_mask;
        e->version = ++clock_now;
    }
}

static void step_look(struct step *s, struct ref *r, struct ref_txn *t, unsigned domid, const char *path)
{
    static const uint32_t types[] = {XS_READ, XS_READ, XS_DIRECTORY, XS_GET_PERMS};
    struct entry *e = nearest(r, path);

    s->type = types[pick(4)];
    sprintf(s->payload, "%s|", path);
    see(t, path, s->type == XS_DIRECTORY ? 'l' : 'n');
    if (!(rights(e, domid) & 1))
        refuse(s, "EACCES");
    else if (strcmp(e->path, path))
        refuse(s, "ENOENT");
    else if (s->type == XS_READ)
        strcpy(s->answer, e->value);
    else if (s->type == XS_GET_PERMS)
        text_of_perms(e, s->answer);
    else
        children(r, path, s->answer);
}

static void random_path(char *out)
{
    unsigned depth = 1 + pick(3);

    strcpy(out, "/m");
    while (depth--)
        sprintf(out + strlen(out), "/%c", "abcd"[pick(4)]);
}

static void plan(struct step *s, struct ref *r, struct ref_txn *t, unsigned domid)
{
    char path[40];
    unsigned what = pick(10);

    memset(s, 0, sizeof(*s));
    random_path(path);
    if (what < 4)
        step_make(s, r, t, domid, path);
    else if (what < 5)
        step_remove(s, r, t, domid, path);
    else if (what < 6)
        step_set_perms(s, r, t, domid, path);
    else
        step_look(s, r, t, domid, path);
}

static void model_start(struct peer *p)
{
    RM(p, "/m");
    IS(MK(p, "/m"), "OK|");
    IS(SP(p, "/m", "b0"), "OK|");
    store.count = 1;
    store.e[0] = (struct entry){.path = "/m", .default_mask = 3, .version = ++clock_now};
}

static void compare_all(struct peer *p)
{
    char perms[40];

    for (unsigned i = 0; i < store.count; i++) {
        IS(RD(p, store.e[i].path), store.e[i].value);
        text_of_perms(&store.e[i], perms);
        IS(GP(p, store.e[i].path), perms);
    }
}

struct actor {
    struct peer *p;
    unsigned domid;
    struct ref_txn t;
};

/* After a commit: each change again on the common tree is what the transaction's own tree shows, where it looked. */
static void merge(struct ref_txn *t)
{
    static struct ref merged;

    merged = store;
    /* What the transaction removed or changed against its start. */
    for (unsigned i = 0; i < t->at_start.count; i++)
        if (!find(&t->now, t->at_start.e[i].path))
            drop(&merged, t->at_start.e[i].path);
    qsort(t->now.e, t->now.count, sizeof(struct entry), compare);
    for (unsigned i = 0; i < t->now.count; i++) {
        struct entry *was = find(&t->at_start, t->now.e[i].path), *is;

        if (was && was->version == t->now.e[i].version)
            continue;
        is = find(&merged, t->now.e[i].path);
        if (!is)
            is = &merged.e[merged.count++];
        *is = t->now.e[i];
        is->version = ++clock_now;
    }
    store = merged;
}

static void act(struct actor *a)
{
    struct ref_txn *t = a->t.id ? &a->t : NULL;
    struct step s;

    if (!t && !pick(8)) {
        a->t.id = txn(a->p);
        a->t.at_start = a->t.now = store;
        a->t.seen_count = 0;
        return;
    }
    if (t && (!pick(8) || t->seen_count > PATHS * 3)) {
        bool is_commit = pick(4);
        bool must_fail = is_commit && conflicts(t);

        IS(end(a->p, t->id, is_commit), must_fail ? "!EAGAIN" : "OK|");
        if (is_commit && !must_fail)
            merge(t);
        t->id = 0;
        return;
    }
    plan(&s, t ? &t->now : &store, t, a->domid);
    IS(call(a->p, s.type, t ? t->id : 0, s.payload), s.answer);
}

void test_model(unsigned seed, unsigned steps)
{
    static struct actor actors[3];

    random_state = seed;
    for (unsigned i = 0; i < 3; i++)
        actors[i] = (struct actor){.p = i ? peer_domain(i) : peer_socket(), .domid = i};
    model_start(actors[0].p);
    for (unsigned i = 0; i < steps && failed < 10; i++)
        act(&actors[pick(3)]);
    for (unsigned i = 0; i < 3; i++)
        if (actors[i].t.id)
            end(actors[i].p, actors[i].t.id, false);
    compare_all(actors[0].p);
    IS(call(actors[0].p, XS_CONTROL, 0, "check|"), "OK|");
    for (unsigned i = 0; i < 3; i++)
        peer_close(actors[i].p);
}
