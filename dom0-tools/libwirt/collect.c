/* SPDX-License-Identifier: MIT */
/*
 * What a process leaves that is killed while it makes a domain, or attaches or detaches a device. Each has a note in
 * xenstore that names its process (record.h); when that is gone, the rest is removed here: a device in any case, a
 * domain unless it was let run, for then it is whole and loses only the note. Every create, attach and detach begins
 * with this, and wirtd does it twice a minute. One at a time: the notes are read under the lock under which they are
 * acted upon, so that nobody removes what another has begun anew meanwhile.
 */
#include "collect.h"
#include "batch.h"
#include "device.h"
#include "domctl.h"
#include "life.h"
#include "note.h"
#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int end_domain(struct wirt *w, const uint8_t uuid[16], size_t *count)
{
    struct xen_domctl_getdomaininfo *list;
    char object[96], text[UUID_TEXT], *name = NULL;
    uint32_t n = 0, first = 0;
    int domid = -1, code;
    bool is_whole = false;

    snprintf(object, sizeof(object), "domain %s", record_uuid(uuid, text));
    for (; !(code = domctl_list(w, first, &list, &n)) && n; first = list[n - 1].domain + 1u)
        for (uint32_t i = 0; i < n; i++)
            if (list[i].domain && memcmp(list[i].handle, uuid, 16) == 0 && !(list[i].flags & XEN_DOMINF_dying)) {
                domid = list[i].domain;
                is_whole = !(list[i].flags & XEN_DOMINF_paused);
            }
    if (code || is_whole)
        return code ? code : record_done(w, uuid, object);
    if (domid > 0)
        name = wirt_store_read(w, "/local/domain/%d/name", domid);
    if (!name)
        name = record_name_of(w, uuid);
    life_unmake(w, domid, uuid, name, object);
    free(name);
    ++*count;
    return 0;
}

static int end_domains(struct wirt *w, size_t *count)
{
    struct record_builder *builders;
    uint32_t n;
    int code = record_builders(w, &builders, &n);

    for (uint32_t i = 0; !code && i < n; i++)
        if (!builders[i].is_alive)
            code = end_domain(w, builders[i].uuid, count);
    free(builders);
    return code;
}

int collect_all(struct wirt *w, size_t *count)
{
    static const char *const notes[] = {NOTE_BUILDING, NOTE_CHANGING};
    size_t collected = 0;
    uint32_t any[2];
    int lock, code = batch_count(w, notes, any, 2);

    if (count)
        *count = 0;
    if (code || (!any[0] && !any[1]))
        return code;
    code = need_store(w);
    if (!code)
        code = device_lock(w, &lock);
    if (code)
        return code;
    code = end_domains(w, &collected);
    if (!code)
        code = note_end_devices(w);
    device_unlock(lock);
    if (count)
        *count = collected;
    return code;
}

int wirt_collect(struct wirt *w, size_t *count)
{
    int code = need_call(w);

    *count = 0;
    return code ? code : collect_all(w, count);
}
