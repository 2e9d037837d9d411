/* SPDX-License-Identifier: MIT */
/* A recording is a file of samples; the log that the hypervisor had at its end lies beside it, in FILE.log. */
#include "source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static FILE *open_file(struct source *s, const char *path, const char *mode, const char *step)
{
    FILE *f = fopen(path, mode);

    if (!f)
        wirt_fail(s->w, errno == ENOENT ? WIRT_NOT_FOUND : WIRT_FAILED, path, step, "", "%s", strerror(errno));
    return f;
}

int source_begin(struct source *s, const struct top_options *o)
{
    *s = (struct source){.o = o, .w = o->w};
    if (o->replay && !(s->replay = open_file(s, o->replay, "r", "open the recording")))
        return wirt_error(s->w)->code;
    if (o->record && !(s->record = open_file(s, o->record, "a", "open the file for samples")))
        return wirt_error(s->w)->code;
    if (!o->replay && !(s->sampler = sampler_open(s->w, "")))
        return wirt_fail(s->w, WIRT_NO_ROOM, "dom0", "begin", "", "it is out of memory");
    return 0;
}

void source_want(struct source *s, unsigned int what)
{
    if (s->sampler)
        sampler_want(s->sampler, s->record ? SAMPLE_CHANNELS | SAMPLE_MAPPINGS | SAMPLE_USES : what);
}

int source_take(struct source *s)
{
    struct sample sample;
    int code =
        s->replay ? sample_read(s->w, s->replay, s->o->replay, &s->line, &sample) : sampler_take(s->sampler, &sample);

    if (code)
        return code;
    if (s->record && !sample_write(s->record, &sample))
        code = wirt_fail(s->w, WIRT_FAILED, s->o->record, "record a sample", "", "%s", strerror(errno));
    if (!model_take(&s->model, &sample)) {
        sample_clear(&sample);
        return wirt_fail(s->w, WIRT_NO_ROOM, "dom0", "show a sample", "", "it is out of memory");
    }
    return code;
}

char *source_log(struct source *s)
{
    char path[600], *text = NULL;
    size_t size = 0;
    FILE *from, *to;
    int c;

    if (!s->replay)
        return wirt_host_log(s->w, false, &text) ? NULL : text;
    snprintf(path, sizeof(path), "%s.log", s->o->replay);
    from = fopen(path, "re");
    if (!from) {
        wirt_fail(s->w, WIRT_NOT_FOUND, s->o->replay, "read the recording's log", "", "there is no %s", path);
        return NULL;
    }
    to = open_memstream(&text, &size);
    while (to && (c = getc(from)) != EOF)
        putc(c, to);
    if (to)
        fclose(to);
    fclose(from);
    return text;
}

static void keep_log(struct source *s)
{
    char path[600], *text = source_log(s);
    FILE *to;

    snprintf(path, sizeof(path), "%s.log", s->o->record);
    to = text ? fopen(path, "we") : NULL;
    if (to) {
        fputs(text, to);
        fclose(to);
    }
    free(text);
}

void source_end(struct source *s)
{
    if (s->record)
        fclose(s->record);
    if (s->record && s->sampler)
        keep_log(s);
    sampler_close(s->sampler);
    model_clear(&s->model);
    if (s->replay)
        fclose(s->replay);
}
