/* SPDX-License-Identifier: MIT */
/*
 * Serial ports com1 and com2, 16550 and kin. Output is polled and gives up on a line
 * that does not move; it looks at the line status once per FIFO fill. Input raises one
 * interrupt, which switches itself off until uart_get() has emptied the receiver: so
 * edge and level lines behave alike. No lock: core/console.c serialises callers.
 */
#include "hw/uart.h"

#include "hw/cpu.h"
#include "hw/irq.h"
#include "lib/log.h"
#include "lib/string.h"

enum { REG_DATA, REG_IER, REG_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCRATCH };
#define LSR_DATA      0x01u
#define LSR_THR_EMPTY 0x20u
#define LCR_DLAB      0x80u
#define IER_RECEIVE   0x01u
#define FIFO_SIZE     16u
#define SPIN_LIMIT    400000u /* port reads of about 1 us: three FIFO fills at 1200 baud */

struct uart {
    u16 port;
    u8 irq, lcr;
    bool is_present, is_dead, has_irq;
    u32 line, fifo, room; /* room: bytes that fit without looking at LSR */
    void (*ready)(void);
};
static struct uart uarts[2] = {{.port = 0x3f8, .irq = 4}, {.port = 0x2f8, .irq = 3}};

static u8 uart_in(const struct uart *u, u16 reg)
{
    return cpu_in8((u16)(u->port + reg));
}
static void uart_out(const struct uart *u, u16 reg, u8 v)
{
    cpu_out8((u16)(u->port + reg), v);
}

/* "8n1" -> LCR. */
static bool uart_lcr_decode(const char *s, u8 *lcr)
{
    static const char parity[] = "noems"; /* none odd even mark space */
    const char *p = s[1] ? strchr(parity, s[1]) : NULL;
    if (s[0] < '5' || s[0] > '8' || !p || (s[2] != '1' && s[2] != '2'))
        return false;
    static const u8 parity_bits[] = {0x00, 0x08, 0x18, 0x28, 0x38};
    *lcr = (u8)((u32)(s[0] - '5') | parity_bits[p - parity] | (s[2] == '2' ? 0x04u : 0u));
    return true;
}

/* The option's text; *divisor 0 = leave the speed as it is ("auto"). */
static const char *uart_spec_decode(struct uart *u, const char *s, u32 *divisor)
{
    u64 baud = 115200, clock = 1843200, n;
    u->lcr = 0x03;
    if (!strncmp(s, "auto", 4)) {
        baud = 0;
        s += 4;
    } else if (*s && *s != ',') {
        baud = str_to_u64(s, &s);
        if (baud < 50 || baud > 4000000)
            return "baud rate is not between 50 and 4000000";
    }
    if (*s == '/')
        clock = str_to_u64(s + 1, &s);
    if (*s == ',' && *++s && *s != ',') {
        if (!uart_lcr_decode(s, &u->lcr))
            return "data, parity, stop bits are not like 8n1";
        s += 3;
    }
    if (*s == ',' && *++s && *s != ',') {
        n = str_to_u64(s, &s);
        if (n < 0x100 || n > 0xfff8)
            return "I/O base is not between 0x100 and 0xfff8 (PCI ports by name are not supported)";
        u->port = (u16)n;
    }
    if (*s == ',' && *++s) {
        n = str_to_u64(s, &s);
        if (n > 15)
            return "interrupt is not between 0 (polled) and 15";
        u->irq = (u8)n;
    }
    if (*s)
        return "text behind the last field";
    *divisor = baud ? (u32)((clock / 16 + baud / 2) / baud) : 0;
    if (baud && (!*divisor || *divisor > 0xffff))
        return "clock and baud rate do not go together";
    return NULL;
}

const char *uart_init(u32 index, const char *spec)
{
    if (index >= ARRAY_COUNT(uarts))
        return "there are only com1 and com2";
    struct uart *u = &uarts[index];
    u32 divisor;
    const char *wrong = uart_spec_decode(u, spec, &divisor);
    if (wrong)
        return wrong;
    uart_out(u, REG_SCRATCH, 0x5a);
    u8 a = uart_in(u, REG_SCRATCH);
    uart_out(u, REG_SCRATCH, 0xa5);
    if (a != 0x5a || uart_in(u, REG_SCRATCH) != 0xa5)
        return "no UART answers at its I/O base";
    uart_out(u, REG_IER, 0);
    if (divisor) {
        uart_out(u, REG_LCR, (u8)(u->lcr | LCR_DLAB));
        uart_out(u, REG_DATA, (u8)divisor);
        uart_out(u, REG_IER, (u8)(divisor >> 8));
    }
    uart_out(u, REG_LCR, u->lcr);
    uart_out(u, REG_FCR, 0x07); /* on, both emptied, interrupt from the first byte */
    uart_out(u, REG_MCR, 0x0b); /* DTR, RTS, and OUT2, which gates the interrupt on PCs */
    u->fifo = (uart_in(u, REG_FCR) & 0xc0) == 0xc0 ? FIFO_SIZE : 1;
    u->room = 0;
    u->is_dead = false;
    u->is_present = true;
    return NULL;
}

static bool uart_room(struct uart *u)
{
    u32 tries = u->is_dead ? 1 : SPIN_LIMIT;
    while (!u->room && tries--) {
        if (uart_in(u, REG_LSR) & LSR_THR_EMPTY)
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
        uart_out(u, REG_DATA, (u8)c);
    }
}

void uart_put(u32 index, const char *s, size_t n)
{
    struct uart *u = &uarts[index];
    if (!u->is_present)
        return;
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
    struct uart *u = &uarts[index];
    if (!u->is_present)
        return -1;
    if (uart_in(u, REG_LSR) & LSR_DATA)
        return uart_in(u, REG_DATA);
    if (u->has_irq)
        uart_out(u, REG_IER, IER_RECEIVE);
    return -1;
}

static void uart_fired(u32 line, void *arg)
{
    struct uart *u = arg;
    uart_out(u, REG_IER, 0);
    u->ready();
    irq_line_unmask(line);
}

void uart_enable_irq(u32 index, void (*ready)(void))
{
    struct uart *u = &uarts[index];
    bool is_level, is_low;
    if (!u->is_present || !u->irq)
        return;
    u->line = irq_gsi_of_isa(u->irq, &is_level, &is_low);
    u->ready = ready;
    int err = irq_gsi_setup(u->line, is_level, is_low);
    if (!err)
        err = irq_line_bind(u->line, 0, uart_fired, u);
    if (err) {
        log_warn("com%u: no receive interrupt on GSI %u (error %d), input must be polled", index + 1, u->line, -err);
        return;
    }
    u->has_irq = true;
    irq_line_unmask(u->line);
    uart_out(u, REG_IER, IER_RECEIVE);
}

bool uart_is_present(u32 index)
{
    return index < ARRAY_COUNT(uarts) && uarts[index].is_present;
}

void uart_port_range(u32 index, u16 *first, u16 *last)
{
    *first = uarts[index].port;
    *last = (u16)(uarts[index].port + REG_SCRATCH);
}
