/* SPDX-License-Identifier: MIT */
/*
 * What memory is used as, by owner: Wirt counts its table of frames piece by piece while somebody asks. A sample takes
 * so many pieces at most, so that a machine with much memory is counted over several; what is shown is the last count
 * that came to its end.
 */
#include "sample.h"

#include <errno.h>
#include <string.h>

#include "hyper.h"
#include "public/wirt.h"

#define PIECES 256 /* a sample: of 64 MiB */

static int take_piece(struct wirt *w, struct sample_scan *scan)
{
    struct wirt_sysctl_frames f = {.next = scan->next};
    struct xen_sysctl op = {0};
    int rc;

    memcpy(&op.u, &f, sizeof(f));
    rc = hyper_sysctl(w, WIRT_SYSCTL_frames, &op);
    scan->has_none = rc == -ENOSYS;
    if (rc)
        return scan->has_none ? 0 : hyper_fail(w, rc, "hypervisor", "count what memory is used as", "%s", "");
    memcpy(&f, &op.u, sizeof(f));
    for (size_t o = 0; o < WIRT_FRAMES_OWNERS; o++)
        for (size_t u = 0; u < WIRT_FRAMES_uses; u++)
            scan->so_far[o][u] += 4ul * f.count[o][u];
    scan->next = f.next;
    if (f.next)
        return 0;
    memcpy(scan->kib, scan->so_far, sizeof(scan->kib));
    memset(scan->so_far, 0, sizeof(scan->so_far));
    scan->is_whole = true;
    return 0;
}

int sample_uses(struct wirt *w, struct sample_scan *scan, struct sample *s)
{
    int code = 0;

    for (int i = 0; !code && !scan->has_none && i < PIECES && (i == 0 || scan->next); i++)
        code = take_piece(w, scan);
    for (size_t o = 0; !code && o < WIRT_FRAMES_OWNERS; o++)
        for (size_t u = 0; u < WIRT_FRAMES_uses; u++) {
            struct sample_use *use = scan->kib[o][u] ? sample_grow(&s->use, &s->uses, sizeof(*use)) : NULL;
            if (use)
                *use = (struct sample_use){o, u, scan->kib[o][u]};
        }
    s->has_uses = scan->is_whole || scan->has_none;
    return code;
}
