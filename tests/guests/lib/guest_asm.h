/* SPDX-License-Identifier: MIT */
/*
 * Numbers that start.S and guest.c share: what struct frame.vector says when no exception came. Nothing else is here.
 */
#ifndef GUEST_ASM_H
#define GUEST_ASM_H

#define VECTOR_EVENT        256
#define VECTOR_SYSCALL      257
#define VECTOR_NMI_CALLBACK 258
#define VECTOR_FAILSAFE     259

#endif
