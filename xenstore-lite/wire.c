// SPDX-License-Identifier: MIT
/*
 * The wire. One table says which form each request has: how many strings, whether bytes follow, whether a transaction
 * matters, who may send it; wire_decode takes a payload apart by it and nobody else looks at raw payloads. Nothing
 * here has state and nothing trusts a length that it has not compared.
 */
#include "wire.h"

#include <stdio.h>
#include <string.h>

enum { TX = 1, DOM0 = 2, REST = 4, MORE = 8 }; /* MORE: reserved bytes may follow */
static const struct form {
    const char *name;
    uint8_t min, max, flags;
} forms[XS_TYPE_COUNT] = {
    [XS_CONTROL] = {"CONTROL", 1, WIRE_ARGS, DOM0},
    [XS_DIRECTORY] = {"DIRECTORY", 1, 1, TX},
    [XS_READ] = {"READ", 1, 1, TX},
    [XS_GET_PERMS] = {"GET_PERMS", 1, 1, TX},
    [XS_WATCH] = {"WATCH", 2, 3, MORE},
    [XS_UNWATCH] = {"UNWATCH", 2, 3, MORE},
    [XS_TRANSACTION_START] = {"TRANSACTION_START", 0, 1, 0},
    [XS_TRANSACTION_END] = {"TRANSACTION_END", 1, 1, TX},
    [XS_INTRODUCE] = {"INTRODUCE", 3, 4, DOM0 | MORE},
    [XS_RELEASE] = {"RELEASE", 1, 1, DOM0},
    [XS_GET_DOMAIN_PATH] = {"GET_DOMAIN_PATH", 1, 1, 0},
    [XS_WRITE] = {"WRITE", 1, 1, TX | REST},
    [XS_MKDIR] = {"MKDIR", 1, 1, TX},
    [XS_RM] = {"RM", 1, 1, TX},
    [XS_SET_PERMS] = {"SET_PERMS", 1, 1, TX | REST},
    [XS_WATCH_EVENT] = {"WATCH_EVENT", 1, 0, 0}, /* min > max: not a request */
    [XS_ERROR] = {"ERROR", 1, 0, 0},
    [XS_IS_DOMAIN_INTRODUCED] = {"IS_DOMAIN_INTRODUCED", 1, 1, 0},
    [XS_RESUME] = {"RESUME", 1, 1, DOM0},
    [XS_SET_TARGET] = {"SET_TARGET", 2, 2, DOM0},
    [XS_RESET_WATCHES] = {"RESET_WATCHES", 0, 1, 0},
    [XS_DIRECTORY_PART] = {"DIRECTORY_PART", 2, 2, TX},
};

static const struct form *form_of(uint32_t type)
{
    return type < XS_TYPE_COUNT && forms[type].name ? &forms[type] : NULL;
}

int wire_decode(const struct xsd_sockmsg *header, const char *payload, struct wire_request *out)
{
    const struct form *f = form_of(header->type);
    size_t left = header->len;
    const char *end;

    *out = (struct wire_request){.type = header->type, .req_id = header->req_id, .tx_id = header->tx_id};
    if (!f || f->min > f->max)
        return ENOSYS;
    while (out->arg_count < f->max && left && (end = memchr(payload, 0, left))) {
        out->arg[out->arg_count++] = payload;
        left -= (size_t)(end + 1 - payload);
        payload = end + 1;
    }
    out->rest = payload;
    out->rest_len = left;
    if (out->arg_count < f->min)
        return EINVAL;
    return left && !(f->flags & (REST | MORE)) ? EINVAL : 0;
}

bool wire_uses_transaction(uint32_t type)
{
    const struct form *f = form_of(type);

    return f && (f->flags & TX);
}

bool wire_is_privileged(uint32_t type)
{
    const struct form *f = form_of(type);

    return f && (f->flags & DOM0);
}

const char *wire_type_name(uint32_t type)
{
    static char unknown[24];
    const struct form *f = form_of(type);

    if (f)
        return f->name;
    snprintf(unknown, sizeof(unknown), "type %u", type);
    return unknown;
}

const char *wire_error_name(int errnum)
{
    for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
        if (xsd_errors[i].errnum == errnum)
            return xsd_errors[i].errstring;
    return "EINVAL";
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '@';
}

static bool path_is_valid(const char *path, size_t length)
{
    if (path[0] != '/' || (length > 1 && path[length - 1] == '/'))
        return false;
    for (size_t i = 1; i < length; i++)
        if (!is_name_char(path[i]) && (path[i] != '/' || path[i - 1] == '/'))
            return false;
    return true;
}

static int absolute(const char *given, uint32_t domid, char *out, size_t *prefix)
{
    static const char start[] = "/local/domain/";
    size_t length = strlen(given);

    *prefix = 0;
    if (length > (given[0] == '/' ? XENSTORE_ABS_PATH_MAX : XENSTORE_REL_PATH_MAX))
        return EINVAL;
    if (given[0] != '/') {
        memcpy(out, start, sizeof(start));
        *prefix = sizeof(start) - 1 + wire_decimal(domid, out + sizeof(start) - 1);
        out[(*prefix)++] = '/';
    }
    memcpy(out + *prefix, given, length + 1);
    return path_is_valid(out, *prefix + length) ? 0 : EINVAL;
}

int wire_path(const char *given, uint32_t domid, char out[static WIRE_PATH_SIZE])
{
    size_t prefix;

    return given[0] == '@' ? EINVAL : absolute(given, domid, out, &prefix);
}

int wire_watch_path(const char *given, uint32_t domid, char out[static WIRE_PATH_SIZE], size_t *prefix)
{
    size_t length = strlen(given);

    if (given[0] != '@')
        return absolute(given, domid, out, prefix);
    if (length > XENSTORE_REL_PATH_MAX)
        return EINVAL;
    *prefix = 0;
    memcpy(out, given, length + 1);
    return 0;
}

bool wire_number(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        unsigned digit = (unsigned)(*text - '0');

        if (digit > 9 || value > (max - digit) / 10 || digit > max)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

size_t wire_decimal(uint32_t value, char out[static WIRE_DECIMAL])
{
    char digits[WIRE_DECIMAL];
    size_t at = sizeof(digits), length;

    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    length = sizeof(digits) - at;
    memcpy(out, digits + at, length);
    out[length] = 0;
    return length;
}

void wire_parent(const char *path, char out[static WIRE_PATH_SIZE])
{
    size_t length = (size_t)(strrchr(path, '/') - path);

    if (!length)
        length = 1;
    memcpy(out, path, length);
    out[length] = 0;
}
