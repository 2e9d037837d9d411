/* SPDX-License-Identifier: MIT */
/*
 * What the distribution's libraries expect of a C library, as far as it can be called at all:
 * decompress.mk renames malloc, calloc and free (their users are never reached: memory comes from
 * the arena), the stack protector's failure, and the decoders of zstd's formats before 1.0, which
 * are left out of the link. Not part of a host build.
 */
#include "lib/log.h"

void *shim_nothing(void);
void shim_stack_smashed(void) __noreturn;

void *shim_nothing(void)
{
    return NULL;
}

void shim_stack_smashed(void)
{
    panic("unpacking the kernel: a decoder wrote over its stack; this is a fault in it, not in the "
          "kernel");
}
