/* SPDX-License-Identifier: MIT */
/* 16550-like serial ports com1, com2: polled output with a time limit, interrupt-driven or polled input. */
#ifndef WIRT_HW_UART_H
#define WIRT_HW_UART_H

#include "lib/types.h"

/* spec as Xen's com1=: "<baud>[/<clock>][,[DPS][,[<io-base>][,[<irq>]]]]", "" = 115200,8n1. index 0 or 1.
 * Returns NULL, or what is wrong with it in words. */
const char *uart_init(u32 index, const char *spec);
void uart_put(u32 index, const char *s, size_t n);    /* "\n" becomes "\r\n"; drops when the line is dead */
int uart_get(u32 index);                              /* next received byte or -1 */
void uart_enable_irq(u32 index, void (*ready)(void)); /* ready() in interrupt context when bytes wait */
bool uart_is_present(u32 index);
void uart_port_range(u32 index, u16 *first, u16 *last); /* to be denied to dom0 */

#endif
