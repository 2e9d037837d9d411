/* SPDX-License-Identifier: MIT */
/* Where samples come from: this host, or a recording; and into which recording they go besides. */
#ifndef WIRT_TOP_SOURCE_H
#define WIRT_TOP_SOURCE_H

#include "model.h"
#include "top.h"

struct source {
    const struct top_options *o;
    struct wirt *w;
    struct sampler *sampler; /* NULL: there is a recording */
    FILE *record, *replay;
    unsigned int line; /* of the recording */
    struct model model;
};

int source_begin(struct source *s, const struct top_options *o);
void source_end(struct source *s);
void source_want(struct source *s, unsigned int what); /* SAMPLE_CHANNELS, SAMPLE_MAPPINGS */
/* One more sample, into the model. WIRT_NOT_FOUND: the recording has ended. */
int source_take(struct source *s);
/* The hypervisor's log, of this host or of the recording's. The caller frees. NULL: the error says why. */
char *source_log(struct source *s);

#endif
