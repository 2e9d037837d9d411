/* SPDX-License-Identifier: MIT */
/*
 * console_io: dom0's text to Wirt's wires, and the bytes typed there back to it. Long texts go in pieces of
 * PIECE bytes, the cursor counts the bytes done. Input is announced by VIRQ_CONSOLE.
 */
#include "call/call.h"
#include "core/console.h"
#include "core/work.h"
#include "lib/errno.h"

#define PIECE 256u

void call_console_input(void)
{
    evtchn_raise_global(domain_zero, VIRQ_CONSOLE);
}

static s64 console_write(guest_ptr from, u64 count)
{
    struct vcpu_cont *cont = &vcpu_current()->cont;
    char piece[PIECE];

    for (u64 done = cont->cursor; done < count;) {
        u64 n = min(count - done, PIECE);
        if (!guest_read(piece, guest_offset(from, done), n))
            return -EFAULT;
        console_put_raw(piece, n);
        done += n;
        if (done < count && work_is_pending()) {
            cont->cursor = done;
            return -ERESTART;
        }
    }
    return 0;
}

static s64 console_read(guest_ptr to, u64 count)
{
    char piece[PIECE];
    u64 done = 0;

    while (done < count) {
        u64 n = console_input(piece, min(count - done, PIECE));
        if (n == 0)
            break;
        if (!guest_write(guest_offset(to, done), piece, n))
            return -EFAULT;
        done += n;
    }
    return (s64)done;
}

s64 call_console_io(const struct call_args *args)
{
    u64 count = args->a[1];

    if (count > INT32_MAX)
        return -EINVAL;
    switch (args->a[0]) {
    case CONSOLEIO_write:
        return console_write(guest_at(args->a[2]), count);
    case CONSOLEIO_read:
        return console_read(guest_at(args->a[2]), count);
    default:
        return -ENOSYS;
    }
}
