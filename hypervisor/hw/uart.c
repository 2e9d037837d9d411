/* SPDX-License-Identifier: MIT */
/*
 * Serial ports com1 and com2, 16550 and kin. Output is polled and gives up on a line
 * that does not move; it looks at the line status once per FIFO fill. Input raises one
 * interrupt, which switches itself off until uart_get() has emptied the receiver: so
 * edge and level lines behave alike. No lock: core/console.c serialises callers.
 */
#include "hw/uart.h"

#include "hw/irq.h"

#define LSR_DATA      0x01u
#define LSR_THR_EMPTY 0x20u
#define SPIN_LIMIT    400000u /* port reads of about 1 us: three FIFO fills at 1200 baud */

struct uart uart[2] = {{.port = 0x3f8, .irq = 4}, {.port = 0x2f8, .irq = 3}};

static bool uart_room(struct uart *u)
{
    u32 tries = u->is_dead ? 1 : SPIN_LIMIT;
    while (!u->room && tries--) {
        if (uart_in(u, UART_LSR) & LSR_THR_EMPTY)
            u->room = u->fifo;
        else
            cpu_relax();
    }
    u->is_dead = !u->room;
    return u->room;
}

static void uart_byte(struct uart *u, char c)
{
    if (u->room || uart_room(u)) {
        u->room--;
        uart_out(u, UART_DATA, (u8)c);
    }
}

void uart_put(u32 index, const char *s, size_t n)
{
    struct uart *u = &uart[index];
    u->room = 0;
    for (; n; n--, s++) {
        if (*s == '\n')
            uart_byte(u, '\r');
        uart_byte(u, *s);
        if (u->is_dead)
            break;
    }
}

int uart_get(u32 index)
{
    struct uart *u = &uart[index];
    if (uart_in(u, UART_LSR) & LSR_DATA)
        return uart_in(u, UART_DATA);
    if (u->ready)
        uart_out(u, UART_IER, UART_IER_RECEIVE);
    return -1;
}

void uart_fired(u32 line, void *arg)
{
    struct uart *u = arg;
    uart_out(u, UART_IER, 0);
    u->ready();
    irq_line_unmask(line);
}
