/* SPDX-License-Identifier: MIT */
/*
 * The loop: one event is served at a time, so that nothing which an event's handler frees can be asked for by another;
 * before each, what is due is done.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "daemon.h"
#include "http.h"

int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool source_add(struct source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};

    if (epoll_ctl(daemon_state.epoll, EPOLL_CTL_ADD, source->fd, &event) == 0)
        return true;
    log_warn("epoll: %s", strerror(errno));
    return false;
}

void source_change(struct source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};

    epoll_ctl(daemon_state.epoll, EPOLL_CTL_MOD, source->fd, &event);
}

void source_remove(struct source *source)
{
    epoll_ctl(daemon_state.epoll, EPOLL_CTL_DEL, source->fd, NULL);
}

void loop_turn(void)
{
    int64_t now = now_ms(), next = console_due(now), other = guest_due(now), third = ends_due(now);
    int64_t fourth = http_due(now);
    struct epoll_event event;
    int n;

    next = next < other ? next : other;
    next = next < third ? next : third;
    next = next < fourth ? next : fourth;
    now = now_ms();
    n = epoll_wait(daemon_state.epoll, &event, 1, next > now ? (int)(next - now < 60000 ? next - now : 60000) : 0);
    if (n == 1) {
        struct source *source = event.data.ptr;

        source->ready(source, event.events);
    }
}
