/* SPDX-License-Identifier: MIT */
/*
 * 16550-like serial ports com1, com2: polled output with a time limit, interrupt-driven or polled input. boot/uart.c
 * finds and programs them; only ports that are present are used.
 */
#ifndef WIRT_HW_UART_H
#define WIRT_HW_UART_H

#include "hw/cpu.h"

enum { UART_DATA, UART_IER, UART_FCR, UART_LCR, UART_MCR, UART_LSR, UART_MSR, UART_SCRATCH };
#define UART_IER_RECEIVE 0x01u

extern struct uart {
    u16 port;
    u8 irq, lcr;
    bool is_present, is_dead;
    u32 fifo, room;      /* room: bytes that fit without looking at LSR */
    void (*ready)(void); /* in interrupt context when bytes wait; NULL: polled */
} uart[2];

static inline u8 uart_in(const struct uart *u, u16 reg)
{
    return cpu_in8((u16)(u->port + reg));
}
static inline void uart_out(const struct uart *u, u16 reg, u8 v)
{
    cpu_out8((u16)(u->port + reg), v);
}

void uart_put(u32 index, const char *s, size_t n); /* "\n" becomes "\r\n"; drops when the line is dead */
int uart_get(u32 index);                           /* next received byte or -1 */
void uart_fired(u32 line, void *arg);              /* the line's irq_line_fn; arg: the struct uart */

#endif
