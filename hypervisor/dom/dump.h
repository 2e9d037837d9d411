/* SPDX-License-Identifier: MIT */
/* The console keys a d e i m q: state of the machine and of the domains in words; see dump.c. */
#ifndef WIRT_DOM_DUMP_H
#define WIRT_DOM_DUMP_H

struct vcpu;
void dump_init(void);                  /* boot: binds the keys */
void dump_guest(const struct vcpu *v); /* registers of v, which is current */

#endif
