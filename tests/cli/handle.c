/* SPDX-License-Identifier: MIT */
/*
 * A handle with nothing behind it: what reads and writes configurations asks no hypervisor.
 */
#include <stdlib.h>

#include "internal.h"

struct wirt *wirt_open(void)
{
    return calloc(1, sizeof(struct wirt));
}

void wirt_close(struct wirt *w)
{
    free(w);
}
