/* SPDX-License-Identifier: MIT */
/*
 * The records of domains in xenstore. Whatever belongs together is one transaction: a name is taken together with the
 * note that a builder is at work, the keys of a domain appear all at once. So a tool killed at any point leaves either
 * a builder's note, by which the next command finds the rest and removes it, or a whole domain. What belongs to a UUID
 * or a name, and not to a number, is removed by nobody once another domain has it.
 */
#include "record.h"
#include "ask.h"
#include "batch.h"
#include "device.h"
#include "domctl.h"
#include "note.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONSOLE_LIMIT (1u << 20) /* what xenconsoled keeps, in bytes */
#define CONFIG_PIECE  3000u      /* xenstore's messages hold 4096 bytes */

const char *record_uuid(const uint8_t uuid[16], char text[UUID_TEXT])
{
    char *at = text;

    for (int i = 0; i < 16; i++)
        at += snprintf(at, 4, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
    return text;
}

static bool uuid_from(const char *text, uint8_t uuid[16])
{
    for (int i = 0; i < 16; i++) {
        unsigned int byte;

        if (*text == '-')
            text++;
        if (sscanf(text, "%2x", &byte) != 1)
            return false;
        uuid[i] = (uint8_t)byte;
        text += 2;
    }
    return *text == 0;
}

/* ---- names ---- */

/* As many as there may be. */
static int count_records(struct wirt *w, uint32_t *names)
{
    int code = need_store(w);

    if (!code)
        free(ask_list(w, 0, "/wirt/name", names));
    return code;
}

/* Whether a domain that is not dying has this UUID, and whether there are domains without a record of ours. */
static int look(struct wirt *w, const uint8_t uuid[16], int *domid, bool *has_foreign)
{
    struct xen_domctl_getdomaininfo *list;
    static const char *const records[] = {"/wirt/name"};
    uint32_t count, first = 0, total = 0, names = 0;
    int code;

    *domid = -1;
    do {
        code = domctl_list(w, first, &list, &count);
        for (uint32_t i = 0; !code && i < count; i++) {
            total += list[i].domain != 0 && !(list[i].flags & XEN_DOMINF_dying);
            if (memcmp(list[i].handle, uuid, 16) == 0 && list[i].domain && !(list[i].flags & XEN_DOMINF_dying))
                *domid = list[i].domain;
            first = list[i].domain + 1u;
        }
    } while (!code && count == HYPER_DATA_SIZE / sizeof(*list));
    if (code || !has_foreign)
        return code;
    code = batch_count(w, records, &names, 1);
    if (!code && names == BATCH_MANY)
        code = count_records(w, &names);
    *has_foreign = total > names;
    return code;
}

/* Names of domains that another toolstack made stand in their own directories only. */
static int check_foreign(struct wirt *w, const char *name, const char *object)
{
    unsigned int count = 0;
    int code = need_store(w);
    char **ids = code ? NULL : ask_list(w, 0, "/local/domain", &count);

    for (unsigned int i = 0; ids && i < count && !code; i++) {
        char *other = wirt_store_read(w, "/local/domain/%s/name", ids[i]);

        if (other && strcmp(other, name) == 0)
            code = wirt_fail(w, WIRT_EXISTS, object, "take the name", "see wirt list", "domain %s has it", ids[i]);
        free(other);
    }
    free(ids);
    return code;
}

/* The name is taken in xenstore: by whom? 0: by nobody who is still there, and it is free now. */
static int settle_name(struct wirt *w, const struct wirt_config *c, const char *object)
{
    char text[UUID_TEXT], path[160], *value = wirt_store_read(w, "/wirt/name/%s", c->name);
    struct record_builder *builders = NULL;
    uint32_t count = 0;
    uint8_t uuid[16];
    int domid = -1, code = 0;

    memcpy(uuid, c->uuid, 16);
    if (value && !uuid_from(value, uuid))
        memcpy(uuid, c->uuid, 16);
    free(value);
    code = look(w, uuid, &domid, NULL);
    if (!code && domid >= 0)
        code = wirt_fail(w, WIRT_EXISTS, object, "take the name", "see wirt list", "domain %d has it", domid);
    if (!code)
        code = record_builders(w, &builders, &count);
    for (uint32_t i = 0; i < count && !code; i++)
        if (builders[i].is_alive && memcmp(builders[i].uuid, uuid, 16) == 0)
            code = wirt_fail(w, WIRT_EXISTS, object, "take the name", "", "a domain of that name is being created");
    free(builders);
    if (code)
        return code;
    snprintf(path, sizeof(path), "/wirt/name/%s", c->name);
    code = wirt_store_remove(w, path);
    snprintf(path, sizeof(path), "/wirt/building/%s", record_uuid(c->uuid, text));
    return code ? code : wirt_store_remove(w, path);
}

/* The same while nobody else tidies up. */
static int settle(struct wirt *w, const struct wirt_config *c, const char *object)
{
    int lock, code = device_lock(w, &lock);

    if (code)
        return code;
    code = settle_name(w, c, object);
    device_unlock(lock);
    return code;
}

/* The UUID is a living domain's; mostly because it is this very domain, which runs already. */
static int fail_taken(struct wirt *w, const struct wirt_config *c, int domid, const char *object)
{
    char uuid[UUID_TEXT], *name = wirt_store_read(w, "/local/domain/%d/name", domid);

    if (name && !strcmp(name, c->name))
        wirt_fail(w, WIRT_EXISTS, object, "take the name", "see wirt list", "domain %d has it", domid);
    else
        wirt_fail(w, WIRT_EXISTS, object, "take the UUID", "see wirt list", "domain %.64s (%d) has %s",
                  name ? name : "(unnamed)", domid, record_uuid(c->uuid, uuid));
    free(name);
    return WIRT_EXISTS;
}

int record_claim(struct wirt *w, const struct wirt_config *c, const char *object)
{
    char uuid[UUID_TEXT], name_path[96], building_path[64], self[NOTE_SELF];
    bool has_foreign = false;
    struct batch b;
    int domid, code = look(w, c->uuid, &domid, &has_foreign);

    if (!code && domid >= 0)
        return fail_taken(w, c, domid, object);
    if (!code && has_foreign)
        code = check_foreign(w, c->name, object);
    snprintf(name_path, sizeof(name_path), "/wirt/name/%s", c->name);
    snprintf(building_path, sizeof(building_path), "/wirt/building/%s", record_uuid(c->uuid, uuid));
    for (int try = 0; !code; try++) {
        batch_begin(&b, w);
        batch_absent(&b, name_path);
        batch_absent(&b, building_path);
        batch_write(&b, name_path, "%s", uuid);
        batch_write(&b, building_path, "%s", note_self(self));
        code = batch_commit(&b, object, "take the name");
        if (code != WIRT_EXISTS || try)
            break;
        code = settle(w, c, object);
    }
    return code;
}

int record_builders(struct wirt *w, struct record_builder **out, uint32_t *count)
{
    unsigned int n = 0;
    char **names;
    int code = need_store(w);

    *out = NULL;
    *count = 0;
    if (code)
        return code;
    names = ask_list(w, 0, "/wirt/building", &n);
    if (!names || n == 0) {
        free(names);
        return 0;
    }
    *out = calloc(n, sizeof(**out));
    for (unsigned int i = 0; i < n && *out; i++) {
        char *value = wirt_store_read(w, "/wirt/building/%s", names[i]);

        if (value && uuid_from(names[i], (*out)[*count].uuid))
            (*out)[(*count)++].is_alive = note_is_alive(value);
        free(value);
    }
    free(names);
    return *out ? 0 : wirt_fail(w, WIRT_NO_ROOM, "dom0", "read xenstore", "", "it is out of memory");
}

char *record_name_of(struct wirt *w, const uint8_t uuid[16])
{
    char text[UUID_TEXT], *found = NULL, **names;
    unsigned int count = 0;

    record_uuid(uuid, text);
    names = need_store(w) ? NULL : ask_list(w, 0, "/wirt/name", &count);
    for (unsigned int i = 0; names && i < count && !found; i++) {
        char *value = wirt_store_read(w, "/wirt/name/%s", names[i]);

        if (value && strcmp(value, text) == 0)
            found = strdup(names[i]);
        free(value);
    }
    free(names);
    return found;
}

/* ---- a domain's keys ---- */

#define PATH_SIZE 160

static const char *at(char path[PATH_SIZE], const struct build *b, const char *key)
{
    snprintf(path, PATH_SIZE, "/local/domain/%u%s%s", b->domid, key[0] ? "/" : "", key);
    return path;
}

/* Keys that the guest writes. */
static void add_guest_keys(struct batch *t, const struct build *b, const char *guest)
{
    static const char *const own[] = {"control/shutdown",
                                      "control/feature-poweroff",
                                      "control/feature-reboot",
                                      "control/feature-suspend",
                                      "control/sysrq",
                                      "data",
                                      "drivers",
                                      "feature",
                                      "attr",
                                      "error"};
    char path[PATH_SIZE];

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        batch_write(t, at(path, b, own[i]), "%s", "");
        batch_permit(t, path, guest, NULL);
    }
}

/* The configuration, which names dom0's files and is not the guest's to read. */
static int add_config(struct wirt *w, struct batch *t, const struct build *b)
{
    char path[PATH_SIZE], key[32], *xml = NULL;
    int code = wirt_config_write(w, b->config, (int)b->domid, &xml);
    size_t size = code ? 0 : strlen(xml);

    if (code)
        return code;
    batch_mkdir(t, at(path, b, "wirt"));
    batch_permit(t, path, "n0", NULL);
    for (unsigned int i = 0; (size_t)i * CONFIG_PIECE < size && i < RECORD_CONFIG_PIECES; i++) {
        snprintf(key, sizeof(key), i ? "wirt/config-%u" : "wirt/config", i);
        batch_write(t, at(path, b, key), "%.*s", (int)CONFIG_PIECE, xml + (size_t)i * CONFIG_PIECE);
    }
    free(xml);
    /* Where a dump finds the guest's list of frames until the guest says it itself. */
    batch_write(t, at(path, b, "wirt/p2m"), "%lu %lu %lu", b->frame[b->plan.table_pfn], b->plan.p2m_va, b->pages);
    if (size > CONFIG_PIECE * RECORD_CONFIG_PIECES)
        return wirt_fail(w, WIRT_REFUSED, b->object, "keep its configuration", "", "it has %zu bytes; %u are possible",
                         size, CONFIG_PIECE * RECORD_CONFIG_PIECES);
    return 0;
}

static void add_console(struct batch *t, const struct build *b)
{
    char path[PATH_SIZE];

    batch_write(t, at(path, b, "store/ring-ref"), "%lu", b->frame[b->plan.store_pfn]);
    batch_write(t, at(path, b, "store/port"), "%u", b->store_port);
    batch_write(t, at(path, b, "console/ring-ref"), "%lu", b->frame[b->plan.console_pfn]);
    batch_write(t, at(path, b, "console/port"), "%u", b->console_port);
    batch_write(t, at(path, b, "console/type"), "xenconsoled");
    batch_write(t, at(path, b, "console/output"), "pty");
    batch_write(t, at(path, b, "console/limit"), "%u", CONSOLE_LIMIT);
    batch_write(t, at(path, b, "console/tty"), "%s", "");
}

int record_keys(struct wirt *w, const struct build *b)
{
    const struct wirt_config *c = b->config;
    char path[PATH_SIZE], uuid[UUID_TEXT], reader[16], guest[16], key[32];
    struct batch t;
    int code;

    record_uuid(c->uuid, uuid);
    snprintf(reader, sizeof(reader), "r%u", b->domid);
    snprintf(guest, sizeof(guest), "n%u", b->domid);
    batch_begin(&t, w);
    batch_remove(&t, at(path, b, ""));
    batch_mkdir(&t, path);
    batch_permit(&t, path, "n0", reader); /* what is below starts with the same */
    batch_write(&t, at(path, b, "name"), "%s", c->name);
    batch_write(&t, at(path, b, "domid"), "%u", b->domid);
    batch_write(&t, at(path, b, "vm"), "/vm/%s", uuid);
    batch_write(&t, at(path, b, "uuid"), "%s", uuid);
    batch_write(&t, at(path, b, "memory/static-max"), "%lu", c->max_memory_kib);
    batch_write(&t, at(path, b, "memory/target"), "%lu", c->memory_kib);
    for (uint32_t i = 0; i < c->max_vcpus; i++) {
        snprintf(key, sizeof(key), "cpu/%u/availability", i);
        batch_write(&t, at(path, b, key), "%s", i < c->vcpus ? "online" : "offline");
    }
    batch_mkdir(&t, at(path, b, "device"));
    add_guest_keys(&t, b, guest);
    batch_write(&t, at(path, b, "control/platform-feature-xs_reset_watches"), "1");
    batch_write(&t, at(path, b, "control/platform-feature-multiprocessor-suspend"), "1");
    add_console(&t, b);
    snprintf(path, sizeof(path), "/vm/%s/uuid", uuid);
    batch_write(&t, path, "%s", uuid);
    snprintf(path, sizeof(path), "/vm/%s/name", uuid);
    batch_write(&t, path, "%s", c->name);
    code = add_config(w, &t, b);
    if (code) {
        batch_drop(&t);
        return code;
    }
    return batch_commit(&t, b->object, "write its keys");
}

int record_introduce(struct wirt *w, const struct build *b)
{
    struct batch t;
    int code;

    batch_begin(&t, w);
    batch_introduce(&t, b->domid, b->frame[b->plan.store_pfn], b->store_port);
    code = batch_commit(&t, b->object, "introduce it to xenstored");
    if (code == WIRT_NO_HOST)
        return code;
    return code ? wirt_fail(w, WIRT_NO_HOST, b->object, "introduce it to xenstored", "see xenstored's log",
                            "xenstored does not take it: %s", w->error.cause)
                : 0;
}

int record_done(struct wirt *w, const uint8_t uuid[16], const char *object)
{
    char path[64], text[UUID_TEXT];
    struct batch t;
    int code;

    snprintf(path, sizeof(path), "/wirt/building/%s", record_uuid(uuid, text));
    batch_begin(&t, w);
    batch_remove(&t, path);
    code = batch_commit(&t, object, "remove a key");
    return code ? wirt_fail(w, (enum wirt_code)code, object, "end its creation", "", "%s", w->error.cause) : 0;
}

/* Whether the UUID, and the name with it, is another's already: of a domain that lives or is being made. */
static bool is_passed_on(struct wirt *w, int domid, const uint8_t uuid[16], const char *uuid_text)
{
    struct wirt_error kept = error_keep(w);
    char self[NOTE_SELF], *note = wirt_store_read(w, "/wirt/building/%s", uuid_text);
    bool is_other = note && strcmp(note, note_self(self)) && note_is_alive(note);
    int living = -1;

    free(note);
    if (!is_other && !look(w, uuid, &living, NULL))
        is_other = living >= 0 && living != domid;
    error_restore(w, &kept);
    return is_other;
}

int record_forget(struct wirt *w, int domid, const uint8_t uuid[16], const char *name, const char *object)
{
    char path[PATH_SIZE], text[UUID_TEXT];
    struct batch t;

    record_uuid(uuid, text);
    batch_begin(&t, w);
    if (domid > 0) {
        snprintf(path, sizeof(path), "/local/domain/%d", domid);
        batch_remove(&t, path);
    }
    if (is_passed_on(w, domid, uuid, text))
        return batch_commit(&t, object, "remove its keys");
    snprintf(path, sizeof(path), "/vm/%s", text);
    batch_remove(&t, path);
    if (name) {
        snprintf(path, sizeof(path), "/wirt/name/%s", name);
        batch_remove(&t, path);
    }
    snprintf(path, sizeof(path), "/wirt/building/%s", text);
    batch_remove(&t, path);
    return batch_commit(&t, object, "remove its keys");
}

int record_forget_dead(struct wirt *w, uint32_t domid, const char *object)
{
    char *vm = wirt_store_read(w, "/local/domain/%u/vm", domid), *name = NULL, path[PATH_SIZE];
    uint8_t uuid[16];
    int code;

    if (vm && !strncmp(vm, "/vm/", 4) && uuid_from(vm + 4, uuid)) {
        name = record_name_of(w, uuid);
        code = record_forget(w, (int)domid, uuid, name, object);
    } else {
        snprintf(path, sizeof(path), "/local/domain/%u", domid);
        code = wirt_store_remove(w, path);
    }
    free(vm);
    free(name);
    return code;
}

int record_rename(struct wirt *w, uint32_t domid, const uint8_t uuid[16], const char *from, const char *to,
                  const char *object)
{
    char path[PATH_SIZE], text[UUID_TEXT];
    struct batch t;

    record_uuid(uuid, text);
    batch_begin(&t, w);
    snprintf(path, sizeof(path), "/wirt/name/%s", to);
    batch_absent(&t, path);
    batch_write(&t, path, "%s", text);
    snprintf(path, sizeof(path), "/wirt/name/%s", from);
    batch_remove(&t, path);
    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    batch_write(&t, path, "%s", to);
    snprintf(path, sizeof(path), "/vm/%s/name", text);
    batch_write(&t, path, "%s", to);
    return batch_commit(&t, object, "change its name");
}
