/* SPDX-License-Identifier: MIT */
/*
 * libwirt: what the command `wirt`, the daemon wirtd and the console program stand on. One handle holds the ways to
 * the hypervisor (libxencall and its sisters) and to xenstored. Every function that can fail returns 0 or one of
 * enum wirt_code, and has then written what failed, at which step, why and where to look next, for a person, to the
 * handle's error. Strings that come back belong to the caller (free) unless a line here says otherwise.
 * Units: memory in KiB, times in nanoseconds, throughout. A handle belongs to one thread. One that waited in vain for
 * xenstored (WIRT_WAIT in wirt(1)) asks it no more.
 */
#ifndef WIRT_H
#define WIRT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Also the exit codes of `wirt` (man wirt(1)). */
enum wirt_code {
    WIRT_OK = 0,
    WIRT_FAILED = 1,    /* a step failed; the message says which */
    WIRT_USAGE = 2,     /* the command line is not understood */
    WIRT_NOT_FOUND = 3, /* no such domain, device, key, file */
    WIRT_EXISTS = 4,    /* name, UUID, MAC, target or disk is taken */
    WIRT_NO_ROOM = 5,   /* memory, grants, ports, quota: the message says how much is missing */
    WIRT_NO_HOST = 6,   /* no hypervisor, another ABI, xenstored or wirtd does not answer, no rights */
    WIRT_TIMEOUT = 7,   /* the other side did not answer in time */
    WIRT_REFUSED = 8,   /* the configuration is wrong or asks for what is not supported (line and column) */
};

struct wirt; /* a handle */
struct wirt_error {
    enum wirt_code code;
    char object[160]; /* "domain web (3)", "disk xvda of web", "kernel /boot/vmlinuz" */
    char step[80];    /* "claim memory", "unpack kernel" */
    char cause[400];  /* "96 MiB asked for, 40 MiB free; domain db (2) has 1024 MiB" */
    char next[160];   /* "see wirt log web", may be empty */
};

/* open: no connection is made yet; each is made when first needed, so that offline commands (define, --help, XML
 * checks) work anywhere. NULL only without memory. */
struct wirt *wirt_open(void);
void wirt_close(struct wirt *w);
const struct wirt_error *wirt_error(const struct wirt *w);
/* Sets the handle's error and returns code. cause is a printf format. errno's text goes into cause by the caller. */
int wirt_fail(struct wirt *w, enum wirt_code code, const char *object, const char *step, const char *next,
              const char *cause, ...) __attribute__((format(printf, 6, 7)));
/* "OBJECT: STEP: CAUSE (NEXT)" into buffer; returns buffer. */
const char *wirt_error_text(const struct wirt *w, char *buffer, size_t size);

/* ---- configuration: libvirt's domain XML (schema/domain.rng); config.c ---- */
enum wirt_action { WIRT_DESTROY, WIRT_RESTART, WIRT_PRESERVE, WIRT_RENAME_RESTART };
enum wirt_disk_kind { WIRT_DISK_FILE, WIRT_DISK_BLOCK };
struct wirt_disk {
    char *source; /* absolute path of the file or block device */
    enum wirt_disk_kind kind;
    char *target; /* "xvda": name in the guest; unique in the domain */
    bool is_readonly, is_shareable, is_cdrom;
};
struct wirt_nic {
    char *bridge; /* NULL: attached to none */
    uint8_t mac[6];
    bool has_mac; /* false: one is made from the domain's UUID and the index, the same each time */
    char *ifname; /* name of the backend's interface in dom0, NULL: vifN.M */
};
#define WIRT_NAME_MAX 63 /* bytes; [A-Za-z0-9._+-], not a number alone */
#define WIRT_VCPU_MAX 32
struct wirt_config {
    char name[WIRT_NAME_MAX + 1];
    uint8_t uuid[16];
    char *title, *description;           /* or NULL */
    bool is_pvh;                         /* with hardware assistance; else paravirtualised */
    uint64_t memory_kib, max_memory_kib; /* now, and the most it may balloon to */
    uint32_t vcpus, max_vcpus;           /* online at start, and the most */
    char *kernel, *initrd, *cmdline;     /* kernel is required (pv-grub's image is a kernel too) */
    uint32_t weight, cap;                /* 256, 0 = none (percent of one CPU) */
    uint64_t affinity[WIRT_VCPU_MAX];    /* bit per CPU; 0 = all */
    enum wirt_action on_poweroff, on_reboot, on_crash;
    uint32_t disk_count, nic_count;
    struct wirt_disk *disk;
    struct wirt_nic *nic;
    char *notes; /* what was read and has no effect, a line each, or NULL; not written */
};
/* Read and validate; error: WIRT_REFUSED with line, column and reason. `origin` names it in messages. */
int wirt_config_read_file(struct wirt *w, const char *path, struct wirt_config **out);
int wirt_config_read(struct wirt *w, const char *origin, const char *xml, size_t bytes, struct wirt_config **out);
/* The same as XML (of the schema, comes back equal); domid >= 0 adds id='N'. */
int wirt_config_write(struct wirt *w, const struct wirt_config *c, int domid, char **xml);
/* One <disk> or <interface> element alone, for attach. */
int wirt_config_read_disk(struct wirt *w, const char *origin, const char *xml, size_t bytes, struct wirt_disk *out);
int wirt_config_read_nic(struct wirt *w, const char *origin, const char *xml, size_t bytes, struct wirt_nic *out);
void wirt_config_free(struct wirt_config *c);
void wirt_disk_clear(struct wirt_disk *d);
void wirt_nic_clear(struct wirt_nic *n);

/* ---- defined domains: /etc/wirt/domains/NAME.xml, autostart/NAME.xml -> ../NAME.xml; define.c ---- */
#define WIRT_DEFINE_DIR "/etc/wirt/domains"                   /* WIRT_DEFINE_DIR in the environment replaces it */
int wirt_define(struct wirt *w, const struct wirt_config *c); /* written whole or not at all (rename) */
int wirt_undefine(struct wirt *w, const char *name);
int wirt_defined(struct wirt *w, const char *name, struct wirt_config **out);
int wirt_defined_list(struct wirt *w, char ***names, size_t *count); /* sorted */
int wirt_autostart(struct wirt *w, const char *name, bool is_on);
bool wirt_is_autostart(const char *name);

/* ---- running domains; life.c ---- */
enum wirt_state { WIRT_RUNNING, WIRT_BLOCKED, WIRT_PAUSED, WIRT_SHUTDOWN, WIRT_CRASHED, WIRT_DYING, WIRT_BUILDING };
struct wirt_domain {
    uint32_t id;
    char name[WIRT_NAME_MAX + 1]; /* "(unnamed)" with a reason in `note` if xenstore has none */
    uint8_t uuid[16];
    enum wirt_state state;
    uint8_t shutdown_reason; /* SHUTDOWN_*, with state SHUTDOWN or CRASHED */
    uint32_t vcpus, max_vcpus;
    uint64_t memory_kib, max_memory_kib, cpu_ns;
    uint64_t held_kib; /* of a dying domain: what others still hold, */
    char note[256];    /* and who, where that is known */
};
/* Who keeps the memory of a dying domain. None are found on another hypervisor than Wirt. */
struct wirt_holder {
    uint32_t id; /* a domain */
    char name[WIRT_NAME_MAX + 1];
    uint64_t grants, frames; /* mappings of grants; of dom0: frames that it maps by right */
    char by[128];            /* of dom0: back ends and programs that may be the ones, or empty */
};
size_t wirt_holders(struct wirt *w, uint32_t domid, struct wirt_holder **out); /* how many */
int wirt_list(struct wirt *w, struct wirt_domain **out, size_t *count);        /* by id, dom0 first */
int wirt_find(struct wirt *w, const char *name_or_id, struct wirt_domain *out);
/* The configuration that it was made with, kept in xenstore (/local/domain/N/wirt/config). */
int wirt_running_config(struct wirt *w, uint32_t domid, struct wirt_config **out);

/* Called between steps and at least once a second within one. done and total in the step's own unit; 0, 0: unknown. */
typedef void wirt_progress_fn(void *arg, const char *step, uint64_t done, uint64_t total);
struct wirt_progress {
    wirt_progress_fn *fn; /* may be NULL */
    void *arg;
};
/* Claim, build, devices, introduce, unpause (unless is_paused). All or nothing: on failure nothing is left. */
int wirt_create(struct wirt *w, const struct wirt_config *c, bool is_paused, const struct wirt_progress *p,
                uint32_t *domid);
int wirt_destroy(struct wirt *w, uint32_t domid, const struct wirt_progress *p); /* with its devices and keys */
enum wirt_how { WIRT_HOW_POWEROFF, WIRT_HOW_REBOOT };
int wirt_shutdown(struct wirt *w, uint32_t domid, enum wirt_how how); /* asks; does not wait */
int wirt_sysrq(struct wirt *w, uint32_t domid, char key);
int wirt_pause(struct wirt *w, uint32_t domid);
int wirt_unpause(struct wirt *w, uint32_t domid);
int wirt_rename(struct wirt *w, uint32_t domid, const char *name);
int wirt_set_memory(struct wirt *w, uint32_t domid, uint64_t kib);     /* balloon target */
int wirt_set_max_memory(struct wirt *w, uint32_t domid, uint64_t kib); /* the hypervisor's limit and static-max */
int wirt_set_vcpus(struct wirt *w, uint32_t domid, uint32_t count);    /* hot-plug, up to max_vcpus */
struct wirt_vcpu {
    uint32_t id, cpu; /* cpu: where it ran last */
    bool is_online, is_running, is_blocked;
    uint64_t cpu_ns, affinity;
};
int wirt_vcpus(struct wirt *w, uint32_t domid, struct wirt_vcpu **out, size_t *count);
int wirt_pin(struct wirt *w, uint32_t domid, uint32_t vcpu, uint64_t cpus);
int wirt_get_sched(struct wirt *w, uint32_t domid, uint32_t *weight, uint32_t *cap);
int wirt_set_sched(struct wirt *w, uint32_t domid, uint32_t weight, uint32_t cap);
/* Domains whose builder died half-way, and dead ones that nobody collects: destroy them. *count: how many. */
int wirt_collect(struct wirt *w, size_t *count);

/* ---- devices; device.c, disk.c, nic.c ---- */
/* attach: on return it is connected in dom0 and offered to the guest; a paused or new guest connects later. */
int wirt_attach_disk(struct wirt *w, uint32_t domid, const struct wirt_disk *disk);
int wirt_detach_disk(struct wirt *w, uint32_t domid, const char *target);
int wirt_attach_nic(struct wirt *w, uint32_t domid, const struct wirt_nic *nic, uint32_t *index);
int wirt_detach_nic(struct wirt *w, uint32_t domid, uint32_t index);
/* All devices of a domain that is gone or going: backends closed, loop devices freed, nodes removed. */
int wirt_devices_remove(struct wirt *w, uint32_t domid);
/* Whether these can be had now, before anything is built: source there, not busy, MAC and target not taken. */
int wirt_devices_check(struct wirt *w, const struct wirt_config *c);

/* ---- the host; host.c ---- */
struct wirt_host {
    char version[64], extra[32], changeset[64], commandline[256], capabilities[256];
    uint32_t cpus, cpu_khz;
    uint64_t memory_kib, free_kib, claimed_kib;
    bool is_wirt;     /* false: another hypervisor with the same ABI */
    bool is_assisted; /* there can be PVH guests */
    char assist[112]; /* hardware assistance: what is used, or why nothing is */
};
int wirt_host_info(struct wirt *w, struct wirt_host *out);
int wirt_host_log(struct wirt *w, bool does_clear, char **text);    /* the hypervisor's ring */
int wirt_host_keys(struct wirt *w, const char *keys, char **text);  /* press them; what the ring got since */
int wirt_host_audit(struct wirt *w, char **text, uint64_t *faults); /* self-audit, guests go on */
/* The guest's memory and vCPU state as an ELF core into a file; the domain is paused meanwhile. */
int wirt_dump(struct wirt *w, uint32_t domid, const char *path, const struct wirt_progress *p);

/* ---- xenstore; store.c ---- */
char *wirt_store_read(struct wirt *w, const char *format, ...) __attribute__((format(printf, 2, 3))); /* NULL: none */
int wirt_store_write(struct wirt *w, const char *path, const char *format, ...) __attribute__((format(printf, 3, 4)));
int wirt_store_remove(struct wirt *w, const char *path); /* absent is no error */

#endif
