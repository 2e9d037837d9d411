/* SPDX-License-Identifier: MIT */
/*
 * Memory by owner and use: a bar, in which a letter stands for each that there is much of, and a table that says how
 * much, with the letters. Without the hypervisor's count by use the bar has owners alone.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lines.h"
#include "public/wirt.h"

static const char *const owners[WIRT_FRAMES_OWNERS] = {"dom0", "guests", "Wirt"};
static const char *const owner_keys[WIRT_FRAMES_OWNERS] = {"dom0", "guests", "hypervisor"};
static const char *const use_keys[WIRT_FRAMES_uses] = {"none",    "table_1",     "table_2", "table_3",
                                                       "table_4", "descriptors", "writable"};
/* As the table has them; the owner's letter for no use. */
static const struct {
    const char *title, *marks;
    size_t use;
} shown[] = {{"writable", "wW ", WIRT_FRAMES_writable}, {"untyped", "0Gh", WIRT_FRAMES_none},
             {"L1", "tT ", WIRT_FRAMES_table},          {"L2", "tT ", WIRT_FRAMES_table + 1},
             {"L3", "tT ", WIRT_FRAMES_table + 2},      {"L4", "tT ", WIRT_FRAMES_table + 3},
             {"descr.", "dDh", WIRT_FRAMES_descriptors}};
#define SHOWN (sizeof(shown) / sizeof(shown[0]))

static double kib_of(const struct model *m, size_t owner, size_t use)
{
    double kib = 0;

    for (size_t i = 0; i < m->now.uses; i++)
        if (m->now.use[i].owner == owner && m->now.use[i].use == use)
            kib += (double)m->now.use[i].kib;
    return kib;
}

/* Of domains: by use, or if that is not known the memory that they have. */
static double part(const struct model *m, size_t owner, size_t column)
{
    double kib = 0;

    if (m->now.uses)
        return kib_of(m, owner, shown[column].use);
    for (size_t i = 0; i < m->now.domains && shown[column].use == WIRT_FRAMES_none; i++)
        if (m->now.domain[i].is_control == (owner == WIRT_FRAMES_DOM0))
            kib += (double)m->now.domain[i].memory_kib;
    return kib;
}

void lines_memory(const struct model *m, int width, char *buffer, size_t size)
{
    double all = (double)m->now.memory_kib, at = 0;

    width = width < (int)size - 1 ? width : (int)size - 1;
    memset(buffer, 'h', (size_t)width);
    buffer[width] = 0;
    for (size_t owner = 0; owner < WIRT_FRAMES_WIRT && all > 0; owner++)
        for (size_t k = 0; k < SHOWN; k++) {
            double end = at + part(m, owner, k) / all * width;
            for (int i = (int)round(at); i < (int)round(end) && i < width; i++)
                buffer[i] = shown[k].marks[owner];
            at = end;
        }
    for (int i = 0; all > 0 && i < (int)round((double)m->now.free_kib / all * width) && i < width; i++)
        buffer[width - 1 - i] = '.';
}

bool lines_memory_row(const struct model *m, size_t row, char *buffer, size_t size)
{
    static const struct column kib = {.kind = C_KIB};
    int used = snprintf(buffer, size, "%-6s", row ? owners[(row - 1) % WIRT_FRAMES_OWNERS] : "");

    if (!m->now.uses || row > WIRT_FRAMES_OWNERS)
        return false;
    for (size_t k = 0; k < SHOWN; k++) {
        double value = row ? kib_of(m, row - 1, shown[k].use) : 0;
        char text[16] = "";
        if (value > 0)
            column_text(&kib, &value, text, sizeof(text));
        used += row ? snprintf(buffer + used, size - (size_t)used, "  %c %6s",
                               value > 0 ? shown[k].marks[row - 1] : ' ', text)
                    : snprintf(buffer + used, size - (size_t)used, "  %8s", shown[k].title);
    }
    return true;
}

json_t *model_uses_json(const struct model *m)
{
    json_t *list = json_array();

    for (size_t i = 0; i < m->now.uses; i++) {
        const struct sample_use *u = &m->now.use[i];
        if (u->owner < WIRT_FRAMES_OWNERS && u->use < WIRT_FRAMES_uses)
            json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "owner", owner_keys[u->owner], "use",
                                                  use_keys[u->use], "kib", (json_int_t)u->kib));
    }
    return list;
}
