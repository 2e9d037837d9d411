/* SPDX-License-Identifier: MIT */
/* One function per operation on a domain, with the error set on failure. `object` names the domain in messages. */
#ifndef WIRT_DOMCTL_H
#define WIRT_DOMCTL_H

#include "hyper.h"

/* An operation without arguments: pause, unpause, destroy. */
int domctl_plain(struct wirt *w, uint32_t cmd, uint32_t domid, const char *object, const char *step);
enum wirt_state domctl_state(const struct xen_domctl_getdomaininfo *i);
/* WIRT_NOT_FOUND: no such domain. */
int domctl_info(struct wirt *w, uint32_t domid, const char *object, struct xen_domctl_getdomaininfo *out);
/* All domains from `first` on, at most `most`, in hyper_data's arena; *count of them. */
int domctl_list(struct wirt *w, uint32_t first, struct xen_domctl_getdomaininfo **list, uint32_t *count);
int domctl_create(struct wirt *w, const struct wirt_config *c, const char *object, uint32_t *domid);
int domctl_set_max_memory(struct wirt *w, uint32_t domid, const char *object, uint64_t kib);
/* Memory for the domain is set aside; 0 gives the rest of it back. *error: the hypervisor's errno, negative. */
int domctl_claim(struct wirt *w, uint32_t domid, uint64_t pages);
int domctl_pin(struct wirt *w, uint32_t domid, const char *object, uint32_t vcpu, uint64_t cpus);
int domctl_sched(struct wirt *w, uint32_t domid, const char *object, uint32_t *weight, uint32_t *cap, bool is_set);

#endif
