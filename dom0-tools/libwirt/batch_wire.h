/* SPDX-License-Identifier: MIT */
/* Between batch.c and its connection to xenstored. */
#ifndef WIRT_BATCH_WIRE_H
#define WIRT_BATCH_WIRE_H

#include "batch.h"

#include <xen/io/xs_wire.h>

/* What has come of the answers. */
struct wire_inbox {
    struct wirt *w;
    uint64_t until_ms;
    size_t have, taken;
    char data[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
};

int wire_call_up(struct wirt *w); /* connects if need be; a wirt code */
void wire_hang_up(struct wirt *w);
/* What was asked is not answered: it is too late, or never will be. Gives the code. */
int wire_give_up(struct wirt *w, const char *object, const char *step);
bool wire_send(struct wirt *w, const char *data, size_t size);
void wire_begin(struct wire_inbox *in, struct wirt *w);
/* The answer with this number. text: its payload, ended by NUL. False: none, or another one. */
bool wire_answer(struct wire_inbox *in, uint32_t id, struct xsd_sockmsg *m, char text[XENSTORE_PAYLOAD_MAX + 1]);

#endif
