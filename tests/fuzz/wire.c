// SPDX-License-Identifier: MIT
/*
 * Any bytes as one message: decoded, and each string that comes out of it taken for a path, a number, a list of
 * permissions. What a function promises of what it accepts is asserted here.
 */
#include "perm.h"
#include "wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void path(const char *given)
{
    char out[WIRE_PATH_SIZE], above[WIRE_PATH_SIZE];
    size_t prefix;

    if (!wire_path(given, 32751, out)) {
        size_t n = strlen(out);

        assert(out[0] == '/' && n <= XENSTORE_ABS_PATH_MAX && (n == 1 || out[n - 1] != '/') && !strstr(out, "//"));
        while (out[1]) {
            wire_parent(out, above);
            assert(strlen(above) < strlen(out) && above[0] == '/');
            strcpy(out, above);
        }
    }
    if (!wire_watch_path(given, 7, out, &prefix))
        assert(prefix <= strlen(out) && !strcmp(out + prefix, given));
}

static void perms(const char *text, size_t length)
{
    struct perm entry[8];
    char out[XENSTORE_PAYLOAD_MAX];
    size_t count;

    if (perm_decode(text, length, entry, 8, &count))
        return;
    assert(count);
    if (count <= 8) {
        struct perms *p = perm_create(entry, count, 1);

        assert(perm_encode(p, out, sizeof(out)) <= length);
        perm_put(p);
    }
    for (size_t i = 0; i < (count < 8 ? count : 8); i++)
        assert(entry[i].domid < PERM_DOMIDS && entry[i].mask < 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xsd_sockmsg header;
    struct wire_request r;
    char *payload;
    uint64_t number;

    if (size < sizeof(header))
        return 0;
    memcpy(&header, data, sizeof(header));
    header.len = (uint32_t)(size - sizeof(header));
    if (header.len > XENSTORE_PAYLOAD_MAX)
        return 0;
    payload = malloc(header.len ? header.len : 1); /* of just that size: a byte too far is seen */
    memcpy(payload, data + sizeof(header), header.len);
    if (!wire_decode(&header, payload, &r)) {
        assert(r.rest >= payload && r.rest + r.rest_len == payload + header.len);
        for (unsigned i = 0; i < r.arg_count; i++) {
            assert(r.arg[i] >= payload && r.arg[i] + strlen(r.arg[i]) < payload + header.len);
            path(r.arg[i]);
            if (wire_number(r.arg[i], 1000, &number))
                assert(number <= 1000);
        }
        perms(r.rest, r.rest_len);
    }
    assert(wire_type_name(header.type));
    free(payload);
    return 0;
}
