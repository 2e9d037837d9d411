/* SPDX-License-Identifier: MIT */
/* Notes, and what is done about those of devices when their process is gone. collect.c does the same for domains. */
#include "note.h"
#include "ask.h"
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* When a process started, in ticks since the machine did: with its number this names one process for good. 0: gone. */
static unsigned long long process_start(int pid)
{
    unsigned long long start = 0;
    char path[64], line[1024], *at;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    at = fgets(line, sizeof(line), file);
    fclose(file);
    at = at ? strrchr(line, ')') : NULL; /* the program's name may hold anything */
    if (at)
        sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &start);
    return start;
}

const char *note_self(char text[NOTE_SELF])
{
    snprintf(text, NOTE_SELF, "%d %llu", (int)getpid(), process_start(getpid()));
    return text;
}

bool note_is_alive(const char *note)
{
    unsigned long long start = 0;
    int pid = 0;

    return sscanf(note, "%d %llu", &pid, &start) == 2 && pid > 0 && start && process_start(pid) == start;
}

bool note_is_any(struct wirt *w, const char *dir)
{
    unsigned int count = 0;

    free(ask_list(w, 0, dir, &count));
    return count > 0;
}

int note_end_devices(struct wirt *w)
{
    unsigned int count = 0;
    char **names = ask_list(w, 0, NOTE_CHANGING, &count);
    int code = 0;

    for (unsigned int i = 0; names && i < count && !code; i++) {
        char *note = wirt_store_read(w, NOTE_CHANGING "/%s", names[i]);
        struct device d = {.kind = strncmp(names[i], "vif", 3) ? "vbd" : "vif"};

        if (note && !note_is_alive(note) && sscanf(names[i] + 3, "-%u-%u", &d.domid, &d.number) == 2) {
            snprintf(d.object, sizeof(d.object), "%s %u of domain %u", d.kind, d.number, d.domid);
            code = device_unplug(w, &d);
        }
        free(note);
    }
    free(names);
    return code;
}

int note_collect_devices(struct wirt *w)
{
    int lock, code = need_store(w);

    if (code || !note_is_any(w, NOTE_CHANGING))
        return code;
    code = device_lock(w, &lock);
    if (code)
        return code;
    code = note_end_devices(w);
    device_unlock(lock);
    return code;
}
