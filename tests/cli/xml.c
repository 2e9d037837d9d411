/* SPDX-License-Identifier: MIT */
/*
 * The reader of configurations against its cases. A case of xml.cases is put into a whole domain, read, and held
 * against what it says: the exact place and words of the refusal, or the values read. What is accepted is written and
 * read again, has to be equal, and has to be valid by schema/domain.rng; what is refused has to be invalid by it,
 * unless the case says "refuse-later": conditions that no schema can put. The hostile cases are built here, those that
 * the table of rules makes in rows.c.
 */
#include <libxml/relaxng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "xml.h"

static unsigned passed, failed;
static struct wirt *w;
static xmlRelaxNGValidCtxt *schema;

void say(bool is_good, const char *name, const char *why)
{
    if (is_good) {
        passed++;
        return;
    }
    failed++;
    printf("FAIL %s: %s\n", name, why);
}

static void quiet(void *arg, const char *format, ...)
{
    (void)arg, (void)format;
}

static void quiet_error(void *arg, xmlError *error)
{
    (void)arg, (void)error;
}

/* 1 valid, 0 not, -1 no XML at all. */
static int is_valid(const char *text, size_t bytes)
{
    xmlDoc *doc =
        xmlReadMemory(text, (int)bytes, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    int valid = doc ? xmlRelaxNGValidateDoc(schema, doc) == 0 : -1;

    xmlFreeDoc(doc);
    return valid;
}

/* A configuration as "key=value" words, all of it. */
static void describe(FILE *out, const struct wirt_config *c)
{
    fprintf(out, " name=%s memory=%lu max_memory=%lu vcpus=%u max_vcpus=%u weight=%u cap=%u", c->name, c->memory_kib,
            c->max_memory_kib, c->vcpus, c->max_vcpus, c->weight, c->cap);
    fprintf(out, " kernel=%s initrd=%s poweroff=%d reboot=%d crash=%d", c->kernel, c->initrd ? c->initrd : "-",
            c->on_poweroff, c->on_reboot, c->on_crash);
    fprintf(out, " cmdline='%s' title='%s' description='%s' uuid=", c->cmdline ? c->cmdline : "",
            c->title ? c->title : "", c->description ? c->description : "");
    for (int i = 0; i < 16; i++)
        fprintf(out, "%02x", c->uuid[i]);
    for (uint32_t i = 0; i < c->max_vcpus; i++)
        fprintf(out, " cpus%u=%lx", i, c->affinity[i]);
    fprintf(out, " disks=%u nics=%u", c->disk_count, c->nic_count);
    for (uint32_t i = 0; i < c->disk_count; i++)
        fprintf(out, " %s=%s:%s%s%s%s", c->disk[i].target, c->disk[i].kind == WIRT_DISK_BLOCK ? "block" : "file",
                c->disk[i].source, c->disk[i].is_readonly ? ":ro" : "", c->disk[i].is_shareable ? ":shared" : "",
                c->disk[i].is_cdrom ? ":cd" : "");
    for (uint32_t i = 0; i < c->nic_count; i++) {
        const struct wirt_nic *n = &c->nic[i];

        fprintf(out, " nic%u=%s:%s:", i, n->bridge ? n->bridge : "-", n->ifname ? n->ifname : "-");
        for (int b = 0; b < 6 && n->has_mac; b++)
            fprintf(out, "%02x", n->mac[b]);
    }
    fprintf(out, " ");
}

static char *described(const struct wirt_config *c)
{
    char *text;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);

    describe(out, c);
    fclose(out);
    return text;
}

/* Written, read, written: both configurations and both texts are equal, and the text keeps the schema. */
static void check_round_trip(const char *name, const struct wirt_config *c)
{
    struct wirt_config *again = NULL;
    char *first = NULL, *second = NULL, *one = described(c), *two = NULL;

    if (wirt_config_write(w, c, -1, &first) || wirt_config_read(w, "again", first, strlen(first), &again) ||
        wirt_config_write(w, again, -1, &second)) {
        say(false, name, "the round trip fails");
        printf("  %s:%s\n", wirt_error(w)->object, wirt_error(w)->cause);
    } else {
        two = described(again);
        say(!strcmp(one, two) && !strcmp(first, second), name, "it does not come back equal");
        say(is_valid(first, strlen(first)) == 1, name, "what is written breaks the schema");
    }
    wirt_config_free(again);
    free(first);
    free(second);
    free(one);
    free(two);
}

static void accept(const char *name, const char *text, size_t bytes, const char *words)
{
    struct wirt_config *c = NULL;
    char *all, why[600], *list = strdup(words), *rest = list;

    if (wirt_config_read(w, "x", text, bytes, &c)) {
        snprintf(why, sizeof(why), "refused: %s: %s", wirt_error(w)->object, wirt_error(w)->cause);
        say(false, name, why);
        free(list);
        return;
    }
    all = described(c);
    say(true, name, "");
    for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
        char needle[300];

        snprintf(needle, sizeof(needle), " %s ", word);
        if (*word)
            snprintf(why, sizeof(why), "no %.80s in%.400s", word, all), say(strstr(all, needle) != NULL, name, why);
    }
    say(is_valid(text, bytes) == 1, name, "accepted, but the schema refuses it");
    check_round_trip(name, c);
    free(all);
    free(list);
    wirt_config_free(c);
}

void refuse(const char *name, const char *text, size_t bytes, const char *place, const char *words, int validity)
{
    struct wirt_config *c = NULL;
    const struct wirt_error *e = wirt_error(w);
    char why[900], at[64];
    int code = wirt_config_read(w, "x", text, bytes, &c);

    snprintf(at, sizeof(at), "x:%s", place);
    snprintf(why, sizeof(why), "expected %s: %s\n  but got %s: %s", at, words, code ? e->object : "accepted",
             code ? e->cause : "");
    say(code == WIRT_REFUSED && !c && !strcmp(e->object, at) && !strcmp(e->cause, words), name, why);
    if (validity >= 0)
        say((is_valid(text, bytes) == 1) == validity, name,
            validity ? "refuse-later, but the schema refuses it too" : "refused, but the schema accepts it");
    wirt_config_free(c);
}

/* ---- the file of cases ---- */

char *whole(const char *place, const char *fragment)
{
    static const char *const names[] = {"os", "domain", "devices", "disk", "nic"};
    const char *in[5] = {"", "", "", "", ""};
    char *text;

    if (!strcmp(place, "whole"))
        return strdup(fragment);
    for (int i = 0; i < 5; i++)
        if (!strcmp(place, names[i]) || (i == 0 && !strcmp(place, "type")))
            in[i] = fragment;
    if (asprintf(
            &text,
            "<domain type='xen'>\n<name>t</name>\n<memory>65536</memory>\n<os>\n%s<kernel>/k</kernel>\n%s\n</os>\n%s\n"
            "<devices>\n%s%s%s%s%s%s%s\n</devices>\n</domain>\n",
            strcmp(place, "type") ? "<type>linux</type>" : "", in[0], in[1], in[2],
            *in[3] ? "<disk type='file'><source file='/d'/><target dev='xvda'/>\n" : "", in[3], *in[3] ? "</disk>" : "",
            *in[4] ? "<interface type='bridge'><source bridge='br0'/>\n" : "", in[4], *in[4] ? "</interface>" : "") < 0)
        return NULL;
    return text;
}

/* "accept PLACE words" or "refuse PLACE L:C cause". */
static void run_case(const char *head, const char *fragment, int line)
{
    char verdict[20], place[20], at[20], name[40], *text;
    int used = 0;

    snprintf(name, sizeof(name), "xml.cases:%d", line);
    if (sscanf(head, "%19s %19s%n", verdict, place, &used) != 2) {
        say(false, name, "this head cannot be read");
        return;
    }
    head += used;
    text = whole(place, fragment);
    if (!strcmp(verdict, "accept")) {
        accept(name, text, strlen(text), head);
    } else if (sscanf(head, "%19s%n", at, &used) == 1) {
        head += used;
        refuse(name, text, strlen(text), at, head + strspn(head, " "), !strcmp(verdict, "refuse-later"));
    } else {
        say(false, name, "no place");
    }
    free(text);
}

static void run_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[4096], head[4096] = "", fragment[16384] = "";
    int number = 0, from = 0;

    if (!file) {
        say(false, path, "cannot be opened");
        return;
    }
    while (fgets(line, sizeof(line), file)) {
        number++;
        if (!head[0] && (line[0] == '#' || line[0] == '\n'))
            continue;
        if (!head[0]) {
            line[strcspn(line, "\n")] = 0;
            snprintf(head, sizeof(head), "%s", line);
            from = number;
        } else if (line[0] == '\n') {
            fragment[strlen(fragment) ? strlen(fragment) - 1 : 0] = 0;
            run_case(head, fragment, from);
            head[0] = fragment[0] = 0;
        } else {
            strncat(fragment, line, sizeof(fragment) - strlen(fragment) - 1);
        }
    }
    if (head[0]) {
        fragment[strlen(fragment) ? strlen(fragment) - 1 : 0] = 0;
        run_case(head, fragment, from);
    }
    fclose(file);
}

/* ---- hostile ---- */

static char *repeat(const char *before, const char *unit, size_t count, const char *after, size_t *bytes)
{
    size_t one = strlen(unit);
    char *text = malloc(strlen(before) + one * count + strlen(after) + 1), *at = text;

    at = stpcpy(at, before);
    for (size_t i = 0; i < count; i++)
        at = mempcpy(at, unit, one);
    at = stpcpy(at, after);
    *bytes = (size_t)(at - text);
    return text;
}

static void hostile(const char *name, char *text, size_t bytes, const char *place, const char *words)
{
    struct timespec start, end;
    double seconds;

    clock_gettime(CLOCK_MONOTONIC, &start);
    refuse(name, text, bytes, place, words, -1);
    clock_gettime(CLOCK_MONOTONIC, &end);
    seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    say(seconds < 5, name, "it took more than five seconds");
    free(text);
}

static void run_hostile(void)
{
    const char bomb[] =
        "<?xml version='1.0'?>\n<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>"
        "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;'>]>\n<domain>&d;</domain>";
    size_t bytes;
    char *text;

    hostile("entity bomb", strdup(bomb), sizeof(bomb) - 1, "2:1",
            "a document type (<!DOCTYPE ...>) has no place in a configuration");
    text = strdup("<!DOCTYPE d SYSTEM 'file:///etc/passwd'><domain type='xen'/>");
    hostile("external entity", text, strlen(text), "1:1",
            "a document type (<!DOCTYPE ...>) has no place in a configuration");
    text = repeat("<domain type='xen'>", " ", 10 << 20, "</domain>", &bytes);
    hostile("10 MiB", text, bytes, "1:1", "it is larger than 1 MiB");
    text = repeat("<domain type='xen'>", " ", (1 << 20) - 29, "</domain>", &bytes);
    hostile("1 MiB of blanks", text, bytes, "1:1", "<domain> has no <name>");
    text = repeat("<domain type='xen'>", "<a>", 100000, "", &bytes);
    hostile("deep", text, bytes, "1:65", "elements are nested more than 16 deep");
    text = repeat("<domain type='xen'><metadata>", "<a/>", 100000, "</metadata></domain>", &bytes);
    hostile("wide", text, bytes, "1:16406", "more than 4096 elements");
    text = repeat("<domain type='", "x", 1000000, "'/>", &bytes);
    hostile("long value", text, bytes, "1:9",
            "<domain>: type is 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...', and has to be xen");
    text = repeat("<", "x", 40000, "/>", &bytes);
    hostile("long name", text, bytes, "1:1",
            "the outermost element is <xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...>, and has to be <domain>");
    text = repeat("<domain type='xen'><name>", "a", 64, "</name></domain>", &bytes);
    hostile(
        "name of 64", text, bytes, "1:26",
        "<name> is 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...', and has to be 1 to 63 of A-Z a-z 0-9 . _ + -, not a "
        "number alone, not beginning with . or -");
    text = repeat("<domain type='xen'><name>a", "\n", 70000, "</name><x/></domain>", &bytes);
    hostile("70,000 lines", text, bytes, "70001:8", "<x> is not known inside <domain>");
    text = repeat("", "", 0, "", &bytes);
    hostile("empty", text, 0, "1:1", "it is empty");
    text = strdup("<domain>\0</domain>");
    hostile("zero byte", text, 18, "1:1", "it holds a zero byte: write it in UTF-8");
    text = strdup("<domain>\xff</domain>");
    hostile("no UTF-8", text, 18, "1:1", "it is not UTF-8");
    text = malloc(20);
    memcpy(text, "\xff\xfe<\0d\0/\0>\0", 10);
    hostile("UTF-16", text, 10, "1:1", "it holds a zero byte: write it in UTF-8");
}

/* ---- elements alone ---- */

static void run_devices(void)
{
    static const char disk[] = "<disk type='block' device='cdrom'><source dev='/dev/sr0'/><target dev='xvdc'/></disk>";
    static const char nic[] =
        "<interface type='bridge'><mac address='00:16:3e:01:02:03'/><source bridge='br1'/></interface>";
    static const char bad[] = "<disk type='block'>\n<source file='/a'/><target dev='xvda'/></disk>";
    struct wirt_disk d;
    struct wirt_nic n;

    say(!wirt_config_read_disk(w, "d", disk, strlen(disk), &d) && d.is_readonly && d.is_cdrom &&
            d.kind == WIRT_DISK_BLOCK && !strcmp(d.source, "/dev/sr0") && !strcmp(d.target, "xvdc"),
        "a disk alone", "not as written");
    wirt_disk_clear(&d);
    say(!wirt_config_read_nic(w, "n", nic, strlen(nic), &n) && n.has_mac && n.mac[5] == 3 && !strcmp(n.bridge, "br1"),
        "an interface alone", "not as written");
    wirt_nic_clear(&n);
    say(wirt_config_read_disk(w, "d", bad, strlen(bad), &d) == WIRT_REFUSED && !d.source &&
            !strcmp(wirt_error(w)->object, "d:2:9"),
        "a bad disk", wirt_error(w)->object);
    say(wirt_config_read_nic(w, "n", disk, strlen(disk), &n) == WIRT_REFUSED, "a disk for an interface", "accepted");
}

/* A sample is a whole file that some program wrote; its first comment may hold the words to expect. */
static void run_sample(const char *path)
{
    static char text[1 << 20];
    FILE *file = fopen(path, "r");
    size_t bytes = file ? fread(text, 1, sizeof(text), file) : 0;

    say(bytes > 0, path, "cannot be read");
    if (file)
        fclose(file);
    accept(path, text, bytes, "");
}

int main(int argc, char **argv)
{
    xmlRelaxNGParserCtxt *parser;
    xmlRelaxNG *grammar;

    if (argc < 3) {
        fprintf(stderr, "usage: xml SCHEMA CASES SAMPLE...\n");
        return 2;
    }
    xmlSetGenericErrorFunc(NULL, quiet);
    xmlSetStructuredErrorFunc(NULL, (xmlStructuredErrorFunc)quiet_error);
    parser = xmlRelaxNGNewParserCtxt(argv[1]);
    grammar = parser ? xmlRelaxNGParse(parser) : NULL;
    if (!grammar) {
        printf("FAIL %s: no schema\n0 passed, 1 failed\n", argv[1]);
        return 1;
    }
    schema = xmlRelaxNGNewValidCtxt(grammar);
    w = wirt_open();
    run_file(argv[2]);
    run_table();
    run_hostile();
    run_devices();
    for (int i = 3; i < argc; i++)
        run_sample(argv[i]);
    wirt_close(w);
    xmlRelaxNGFreeValidCtxt(schema);
    xmlRelaxNGFree(grammar);
    xmlRelaxNGFreeParserCtxt(parser);
    xmlCleanupParser();
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}
