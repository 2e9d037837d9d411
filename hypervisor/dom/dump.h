/* SPDX-License-Identifier: MIT */
/* The console keys a d e i m q t: state of the machine and of the domains in words; see dump.c. */
#ifndef WIRT_DOM_DUMP_H
#define WIRT_DOM_DUMP_H

void dump_init(void); /* boot: binds the keys */

#endif
