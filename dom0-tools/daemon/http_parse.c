/* SPDX-License-Identifier: MIT */
/*
 * The head of a request, from bytes that anybody may have written: a line "GET /metrics HTTP/1.1", header lines, an
 * empty line. It is looked at once, when it is whole, and never changed. What is not said in it as the standard (RFC
 * 9112) says is refused; of the headers only Host, which must be there, and Accept mean anything.
 */
#include "http.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct span {
    const char *at;
    size_t size;
};

static bool is(struct span s, const char *text)
{
    return s.size == strlen(text) && !memcmp(s.at, text, s.size);
}
static bool is_word(struct span s, const char *text)
{
    return s.size == strlen(text) && !strncasecmp(s.at, text, s.size);
}

size_t http_head(const char *bytes, size_t size)
{
    const char *end = memmem(bytes, size, "\n\r\n", 3), *bare = memmem(bytes, size, "\n\n", 2);

    if (bare && (!end || bare < end))
        return (size_t)(bare - bytes) + 2;
    return end ? (size_t)(end - bytes) + 3 : 0;
}

/* The next line without its end; moves *rest behind it. */
static struct span line(struct span *rest)
{
    const char *end = memchr(rest->at, '\n', rest->size);
    struct span s = {rest->at, end ? (size_t)(end - rest->at) : rest->size};

    rest->at += s.size + (end != NULL);
    rest->size -= s.size + (end != NULL);
    if (s.size && s.at[s.size - 1] == '\r')
        s.size--;
    return s;
}

static struct span trim(struct span s)
{
    for (; s.size && (*s.at == ' ' || *s.at == '\t'); s.size--)
        s.at++;
    while (s.size && (s.at[s.size - 1] == ' ' || s.at[s.size - 1] == '\t'))
        s.size--;
    return s;
}

/* What stands before the next `mark`; moves *rest behind that. */
static struct span part(struct span *rest, char mark)
{
    const char *end = memchr(rest->at, mark, rest->size);
    struct span s = {rest->at, end ? (size_t)(end - rest->at) : rest->size};

    rest->at += s.size + (end != NULL);
    rest->size -= s.size + (end != NULL);
    return s;
}

/* Thousandths; a weight that cannot be is none at all. */
static int weight(struct span s)
{
    int value = 0, scale = 100;

    if (!s.size || (*s.at != '0' && *s.at != '1') || s.size > 5 || (s.size > 1 && s.at[1] != '.'))
        return 0;
    value = (*s.at - '0') * 1000;
    for (size_t i = 2; i < s.size; i++, scale /= 10) {
        if (!isdigit((unsigned char)s.at[i]))
            return 0;
        value += (s.at[i] - '0') * scale;
    }
    return value <= 1000 ? value : 0;
}

/* One element of Accept, into the best weight of either format so far; other versions than ours are not meant. */
static void weigh(struct span element, int best[2])
{
    struct span type = trim(part(&element, ';'));
    bool is_text = is_word(type, "text/plain") || is_word(type, "text/*") || is_word(type, "*/*");
    bool is_open = is_word(type, "application/openmetrics-text");
    int q = 1000;

    while (element.size) {
        struct span value = trim(part(&element, ';')), name = trim(part(&value, '='));

        value = trim(value);
        if (is_word(name, "q"))
            q = weight(value);
        else if (is_open && is_word(name, "version") && !is(value, "1.0.0"))
            is_open = false;
    }
    if (is_text && q > best[HTTP_TEXT])
        best[HTTP_TEXT] = q;
    if (is_open && q > best[HTTP_OPENMETRICS])
        best[HTTP_OPENMETRICS] = q;
}

static enum http_format choose(struct span accept)
{
    int best[2] = {0, 0};

    while (accept.size)
        weigh(part(&accept, ','), best);
    return best[HTTP_OPENMETRICS] && best[HTTP_OPENMETRICS] >= best[HTTP_TEXT] ? HTTP_OPENMETRICS : HTTP_TEXT;
}

static bool is_printable(struct span s)
{
    for (size_t i = 0; i < s.size; i++)
        if ((unsigned char)s.at[i] < ' ' ? s.at[i] != '\t' : s.at[i] == 0x7f)
            return false;
    return true;
}

static bool is_token(struct span s)
{
    for (size_t i = 0; i < s.size; i++)
        if (!isalnum((unsigned char)s.at[i]) && (!s.at[i] || !strchr("!#$%&'*+-.^_`|~", s.at[i])))
            return false;
    return s.size != 0;
}

/* 400 unless all of them are as they should be. */
static int headers(struct span rest, bool needs_host, struct http_request *request)
{
    bool has_host = false;

    while (rest.size) {
        struct span all = line(&rest), value = all, name = part(&value, ':');

        if (!all.size)
            break;
        if (!is_printable(all) || name.size == all.size || !is_token(name))
            return 400;
        if (is_word(name, "Host") && has_host)
            return 400;
        has_host |= is_word(name, "Host");
        if (is_word(name, "Accept"))
            request->format = choose(value);
    }
    return needs_host && !has_host ? 400 : 200;
}

int http_parse(const char *head, size_t size, struct http_request *request)
{
    struct span rest = {head, size}, first = line(&rest), version = first;
    struct span method = part(&version, ' '), target = part(&version, ' '), path = target;
    bool is_11 = is(version, "HTTP/1.1");
    int status;

    *request = (struct http_request){.is_head = is(method, "HEAD"), .format = HTTP_TEXT};
    if (!is_printable(first) || memchr(head, 0, size) || !is_token(method) || !target.size ||
        (!is_11 && !is(version, "HTTP/1.0")))
        return version.size > 5 && !memcmp(version.at, "HTTP/", 5) && version.at[5] > '1' ? 505 : 400;
    status = headers(rest, is_11, request);
    if (status != 200)
        return status;
    if (!request->is_head && !is(method, "GET"))
        return 405;
    return is(part(&path, '?'), "/metrics") ? 200 : 404;
}
