/* SPDX-License-Identifier: MIT */
/*
 * com1 and com2 as the command line wants them: its text is taken apart, the port is looked for, programmed and, when
 * interrupts work, connected to its line.
 */
#include "boot/acpi.h"
#include "boot/bringup.h"
#include "boot/string.h"
#include "hw/irq.h"
#include "hw/uart.h"
#include "lib/log.h"

#define LCR_DLAB  0x80u
#define FIFO_SIZE 16u

/* "8n1" -> LCR. */
static __init bool uart_lcr_decode(const char *s, u8 *lcr)
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
static __init const char *uart_spec_decode(struct uart *u, const char *s, u32 *divisor)
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

__init const char *uart_init(u32 index, const char *spec)
{
    if (index >= ARRAY_COUNT(uart))
        return "there are only com1 and com2";
    struct uart *u = &uart[index];
    u32 divisor;
    const char *wrong = uart_spec_decode(u, spec, &divisor);
    if (wrong)
        return wrong;
    uart_out(u, UART_SCRATCH, 0x5a);
    u8 a = uart_in(u, UART_SCRATCH);
    uart_out(u, UART_SCRATCH, 0xa5);
    if (a != 0x5a || uart_in(u, UART_SCRATCH) != 0xa5)
        return "no UART answers at its I/O base";
    uart_out(u, UART_IER, 0);
    if (divisor) {
        uart_out(u, UART_LCR, (u8)(u->lcr | LCR_DLAB));
        uart_out(u, UART_DATA, (u8)divisor);
        uart_out(u, UART_IER, (u8)(divisor >> 8));
    }
    uart_out(u, UART_LCR, u->lcr);
    uart_out(u, UART_FCR, 0x07); /* on, both emptied, interrupt from the first byte */
    uart_out(u, UART_MCR, 0x0b); /* DTR, RTS, and OUT2, which gates the interrupt on PCs */
    u->fifo = (uart_in(u, UART_FCR) & 0xc0) == 0xc0 ? FIFO_SIZE : 1;
    u->room = 0;
    u->is_dead = false;
    u->is_present = true;
    return NULL;
}

__init void uart_init_irq(u32 index, void (*ready)(void))
{
    struct uart *u = &uart[index];
    u32 line = acpi_gsi_of_isa(u->irq);
    if (!u->is_present || !u->irq)
        return;
    u->ready = ready;
    int err = irq_line_bind(line, 0, uart_fired, u);
    if (err) {
        u->ready = NULL;
        log_warn("com%u: no receive interrupt on GSI %u (error %d), input must be polled", index + 1, line, -err);
        return;
    }
    irq_line_unmask(line);
    uart_out(u, UART_IER, UART_IER_RECEIVE);
}
