/* SPDX-License-Identifier: MIT */
/*
 * Network cards of guests, through the kernel's netback: it makes an interface in dom0 per card, which this file brings
 * up and puts into the bridge before the backend may connect, so that no frame is lost to an interface that goes
 * nowhere. Nothing needs to be undone by hand: the interface goes with the backend, and leaves its bridge by itself.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "device.h"
#include "disk.h"
#include "internal.h"
#include "nic.h"
#include "note.h"

#define MAC_FORMAT  "%02x:%02x:%02x:%02x:%02x:%02x"
#define MAC_OF(m)   (m)[0], (m)[1], (m)[2], (m)[3], (m)[4], (m)[5]
#define MTU_DEFAULT 1500

/* FNV-1a over what makes the card what it is. */
void nic_mac(const uint8_t uuid[16], uint32_t index, uint8_t mac[6])
{
    uint32_t hash = 2166136261u;

    for (int i = 0; i < 16; i++)
        hash = (hash ^ uuid[i]) * 16777619u;
    for (int i = 0; i < 4; i++)
        hash = (hash ^ (index >> 8 * i & 0xff)) * 16777619u;
    hash ^= hash >> 24;
    mac[0] = 0x00;
    mac[1] = 0x16;
    mac[2] = 0x3e;
    mac[3] = hash >> 16 & 0x7f;
    mac[4] = hash >> 8 & 0xff;
    mac[5] = hash & 0xff;
}

static int check_mac(struct wirt *w, const char *object, const uint8_t mac[6])
{
    static const uint8_t zero[6];

    if (mac[0] & 1)
        return wirt_fail(w, WIRT_REFUSED, object, "look at the address", "", MAC_FORMAT " is a multicast address",
                         MAC_OF(mac));
    if (!memcmp(mac, zero, 6))
        return wirt_fail(w, WIRT_REFUSED, object, "look at the address", "", "00:00:00:00:00:00 is no address");
    return 0;
}

struct mac_search {
    const char *object;
    const uint8_t *mac;
};

static int visit_mac(struct wirt *w, const char *back, uint32_t domid, uint32_t number, void *arg)
{
    const struct mac_search *s = arg;
    char *text = wirt_store_read(w, "%s/mac", back), name[96];
    unsigned int m[6];
    int code = 0;

    if (text && sscanf(text, "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) == 6) {
        bool is_same = true;

        for (int i = 0; i < 6; i++)
            is_same = is_same && m[i] == s->mac[i];
        if (is_same)
            code = wirt_fail(w, WIRT_EXISTS, s->object, "look whether the address is free", "give it another",
                             MAC_FORMAT " is taken: %s has it on its network card %u", MAC_OF(s->mac),
                             device_domain(w, domid, name, sizeof(name)), number);
    }
    free(text);
    return code;
}

static int set_name(struct wirt *w, const char *object, struct ifreq *request, const char *name)
{
    memset(request, 0, sizeof(*request));
    if (!name[0] || strlen(name) >= IFNAMSIZ || strpbrk(name, "/ :\n") || !strcmp(name, ".") || !strcmp(name, ".."))
        return wirt_fail(w, WIRT_REFUSED, object, "look at the network", "",
                         "%s cannot be the name of an interface: 1 to 15 bytes without / and :", name);
    memcpy(request->ifr_name, name, strlen(name));
    return 0;
}

/* Whether dom0 has the bridge, and does not use the address itself. */
static int check_bridge(struct wirt *w, const char *object, const char *bridge, const uint8_t mac[6])
{
    char path[64], next[64];
    struct ifreq request;
    int fd, code = set_name(w, object, &request, bridge);

    if (code)
        return code;
    snprintf(path, sizeof(path), "/sys/class/net/%s", bridge);
    snprintf(next, sizeof(next), "try ip link add %s type bridge", bridge);
    if (access(path, F_OK))
        return wirt_fail(w, WIRT_NOT_FOUND, object, "find its bridge", next, "dom0 has no bridge %s", bridge);
    strcat(path, "/bridge");
    if (access(path, F_OK))
        return wirt_fail(w, WIRT_REFUSED, object, "find its bridge", "see ip -d link", "%s is no bridge", bridge);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail_errno(w, WIRT_FAILED, object, "find its bridge", "", "no socket");
    if (ioctl(fd, SIOCGIFHWADDR, &request) == 0 && !memcmp(request.ifr_hwaddr.sa_data, mac, 6))
        code = wirt_fail(w, WIRT_EXISTS, object, "look whether the address is free", "give it another",
                         MAC_FORMAT " is taken: the bridge %s has it", MAC_OF(mac), bridge);
    close(fd);
    return code;
}

static int check_ifname(struct wirt *w, const char *object, const char *name)
{
    struct ifreq request;
    int code = set_name(w, object, &request, name);

    if (!code && if_nametoindex(name))
        code = wirt_fail(w, WIRT_EXISTS, object, "look whether the interface's name is free", "see ip link",
                         "dom0 has an interface %s", name);
    return code;
}

static int check_one(struct wirt *w, const char *object, const struct wirt_nic *nic, const uint8_t mac[6])
{
    struct mac_search search = {.object = object, .mac = mac};
    int code = check_mac(w, object, mac);

    if (!code && nic->bridge)
        code = check_bridge(w, object, nic->bridge, mac);
    if (!code && nic->ifname)
        code = check_ifname(w, object, nic->ifname);
    return code ? code : device_each(w, "vif", 0, visit_mac, &search);
}

static int fail_ioctl(struct wirt *w, const struct device *d, const char *step, const char *name)
{
    return fail_errno(w, WIRT_FAILED, d->object, step, "see ip link", "dom0's interface %s", name);
}

static int mtu_of(int fd, const char *bridge)
{
    struct ifreq request = {0};

    if (!bridge)
        return MTU_DEFAULT;
    memcpy(request.ifr_name, bridge, strnlen(bridge, IFNAMSIZ - 1));
    return ioctl(fd, SIOCGIFMTU, &request) == 0 && request.ifr_mtu > 0 ? request.ifr_mtu : MTU_DEFAULT;
}

/* dom0 itself speaks through the bridge: on the card's interface an address of its own would only disturb. */
static void silence(const char *name)
{
    char path[96];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
    file = fopen(path, "we");
    if (file) {
        fputs("1", file);
        fclose(file);
    }
}

/* Names the interface that netback made, gives it the bridge's MTU, puts it in, brings it up. */
static int plug(struct wirt *w, const struct device *d, const struct wirt_nic *nic, int fd)
{
    char name[IFNAMSIZ];
    struct ifreq request = {0};

    snprintf(name, sizeof(name), "vif%hu.%u", (unsigned short)d->domid, d->number);
    memcpy(request.ifr_name, name, sizeof(name));
    if (nic->ifname) {
        memcpy(request.ifr_newname, nic->ifname, strlen(nic->ifname) + 1);
        if (ioctl(fd, SIOCSIFNAME, &request))
            return fail_ioctl(w, d, "name its interface", name);
        snprintf(name, sizeof(name), "%s", nic->ifname);
        memcpy(request.ifr_name, name, sizeof(name));
    }
    silence(name);
    request.ifr_mtu = mtu_of(fd, nic->bridge);
    if (ioctl(fd, SIOCSIFMTU, &request))
        return fail_ioctl(w, d, "set its MTU", name);
    if (nic->bridge) {
        struct ifreq bridge = {0};

        memcpy(bridge.ifr_name, nic->bridge, strlen(nic->bridge) + 1);
        bridge.ifr_ifindex = (int)if_nametoindex(name);
        if (ioctl(fd, SIOCBRADDIF, &bridge))
            return fail_ioctl(w, d, "put it into its bridge", name);
    }
    if (ioctl(fd, SIOCGIFFLAGS, &request))
        return fail_ioctl(w, d, "bring its interface up", name);
    request.ifr_flags |= IFF_UP;
    if (ioctl(fd, SIOCSIFFLAGS, &request))
        return fail_ioctl(w, d, "bring its interface up", name);
    return 0;
}

static void fill(struct device *d, const struct wirt_nic *nic, const uint8_t mac[6], int mtu)
{
    device_front(d, "handle", "%u", d->number);
    device_front(d, "mac", MAC_FORMAT, MAC_OF(mac));
    device_front(d, "mtu", "%d", mtu);
    device_front(d, "trusted", "1");
    device_back(d, "handle", "%u", d->number);
    device_back(d, "mac", MAC_FORMAT, MAC_OF(mac));
    device_back(d, "mtu", "%d", mtu);
    device_back(d, "type", "vif");
    /* netback does not start without this key; it only passes it on to whoever listens to the kernel's events. */
    device_back(d, "script", "none");
    if (nic->bridge)
        device_back(d, "bridge", "%s", nic->bridge);
    if (nic->ifname)
        device_back(d, "vifname", "%s", nic->ifname);
}

static int visit_index(struct wirt *w, const char *back, uint32_t domid, uint32_t number, void *arg)
{
    uint64_t *taken = arg;

    (void)w;
    (void)back;
    (void)domid;
    if (number < 64)
        *taken |= 1ull << number;
    return 0;
}

static int read_uuid(struct wirt *w, const char *object, uint32_t domid, uint8_t uuid[16])
{
    char *vm = wirt_store_read(w, "/local/domain/%u/vm", domid);
    const char *text = vm && !strncmp(vm, "/vm/", 4) ? vm + 4 : "";
    int n = 0;

    for (; *text && n < 32; text++) {
        char hex[2] = {*text, 0};

        if (*text == '-')
            continue;
        if (!strspn(hex, "0123456789abcdefABCDEF"))
            break;
        uuid[n / 2] = (uint8_t)(uuid[n / 2] << 4 | strtoul(hex, NULL, 16));
        n++;
    }
    free(vm);
    if (n == 32)
        return 0;
    return wirt_fail(w, WIRT_FAILED, object, "make an address from the domain's UUID", "give the card an address",
                     "xenstore has no UUID of domain %u", domid);
}

static void name_nic(struct wirt *w, struct device *d)
{
    char name[96];

    snprintf(d->object, sizeof(d->object), "network card %u of %s", d->number,
             device_domain(w, d->domid, name, sizeof(name)));
}

/* Under the lock: takes the first free index, finds the address free, and offers the card to the guest. */
static int offer(struct wirt *w, struct device *d, const struct wirt_nic *nic, int fd, struct watch *watch)
{
    uint64_t taken = 0;
    uint8_t mac[6], uuid[16] = {0};
    int code = device_each(w, "vif", d->domid, visit_index, &taken);

    if (!code && !~taken)
        code = wirt_fail(w, WIRT_NO_ROOM, d->object, "find an index", "", "the domain has 64 network cards");
    if (code)
        return code;
    d->number = (uint32_t)__builtin_ctzll(~taken);
    name_nic(w, d);
    memcpy(mac, nic->mac, 6);
    if (!nic->has_mac) {
        code = read_uuid(w, d->object, d->domid, uuid);
        nic_mac(uuid, d->number, mac);
    }
    if (!code)
        code = check_one(w, d->object, nic, mac);
    if (code)
        return code;
    fill(d, nic, mac, mtu_of(fd, nic->bridge));
    code = device_watch(w, watch, d);
    if (code)
        return code;
    code = device_offer(w, d);
    if (code)
        watch_close(watch);
    return code;
}

/* The rest, once the card is offered: wait for the interface, put it to use, let the backend connect. */
static int connect_card(struct wirt *w, const struct device *d, const struct wirt_nic *nic, int fd, struct watch *watch)
{
    int code = device_wait_backend(w, watch, d);

    if (!code)
        code = plug(w, d, nic, fd);
    if (!code)
        code = device_done(w, d);
    if (code)
        device_give_up(w, d);
    watch_close(watch);
    return code;
}

int wirt_attach_nic(struct wirt *w, uint32_t domid, const struct wirt_nic *nic, uint32_t *index)
{
    struct device d = {.kind = "vif", .domid = domid};
    struct watch watch;
    int code, lock, fd;
    char name[96];

    snprintf(d.object, sizeof(d.object), "network card of %s", device_domain(w, domid, name, sizeof(name)));
    code = device_domain_check(w, d.object, domid);
    if (!code)
        code = device_backend_check(w, d.kind, d.object);
    if (!code)
        code = note_collect_devices(w);
    if (code)
        return code;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail_errno(w, WIRT_FAILED, d.object, "set its interface up", "", "no socket");
    code = device_lock(w, &lock);
    if (!code) {
        code = offer(w, &d, nic, fd, &watch);
        device_unlock(lock);
        if (!code)
            code = connect_card(w, &d, nic, fd, &watch);
    }
    close(fd);
    if (!code && index)
        *index = d.number;
    return code;
}

int wirt_detach_nic(struct wirt *w, uint32_t domid, uint32_t index)
{
    struct device d = {.kind = "vif", .domid = domid, .number = index};
    uint64_t taken = 0;
    int code;

    name_nic(w, &d);
    code = device_domain_check(w, d.object, domid);
    if (!code)
        code = note_collect_devices(w);
    if (!code)
        code = device_each(w, d.kind, domid, visit_index, &taken);
    if (code)
        return code;
    if (index >= 64 || !(taken >> index & 1))
        return wirt_fail(w, WIRT_NOT_FOUND, d.object, "find it", "see wirt dominfo", "the domain has no such card");
    return device_unplug(w, &d);
}

static void mac_of(const struct wirt_config *c, uint32_t index, uint8_t mac[6])
{
    memcpy(mac, c->nic[index].mac, 6);
    if (!c->nic[index].has_mac)
        nic_mac(c->uuid, index, mac);
}

int nic_check(struct wirt *w, const struct wirt_config *c)
{
    int code = c->nic_count ? device_backend_check(w, "vif", c->name) : 0;
    char object[128];

    for (uint32_t i = 0; i < c->nic_count && !code; i++) {
        uint8_t mac[6], other[6];

        snprintf(object, sizeof(object), "network card %u of %s", i, c->name);
        mac_of(c, i, mac);
        for (uint32_t j = 0; j < i && !code; j++) {
            mac_of(c, j, other);
            if (!memcmp(mac, other, 6))
                code = wirt_fail(w, WIRT_EXISTS, object, "look whether the address is free", "",
                                 "the configuration has " MAC_FORMAT " twice", MAC_OF(mac));
        }
        if (!code)
            code = check_one(w, object, &c->nic[i], mac);
    }
    return code;
}

int wirt_devices_check(struct wirt *w, const struct wirt_config *c)
{
    int code;

    if (c->nic_count > 64)
        return wirt_fail(w, WIRT_REFUSED, c->name, "look at the devices", "", "%u network cards, 64 are possible",
                         c->nic_count);
    code = disk_check(w, c);
    return code ? code : nic_check(w, c);
}
