/* SPDX-License-Identifier: MIT */
/* Words for numbers of the ABI, as the tools print them; they do not change, as programs read them. */
#ifndef WIRT_WORD_H
#define WIRT_WORD_H

#include "wirt.h"

const char *word_state(enum wirt_state state);
const char *word_reason(unsigned int reason); /* SHUTDOWN_* */
const char *word_call(unsigned int number);   /* of a hypercall; NULL: there is none */

#endif
