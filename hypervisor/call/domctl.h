/* SPDX-License-Identifier: MIT */
/* What the tools are told about a domain, by domctl and sysctl alike. */
#ifndef WIRT_CALL_DOMCTL_H
#define WIRT_CALL_DOMCTL_H

#include "dom/domain.h"
#include "public/domctl.h"

void domctl_info(struct domain *d, struct xen_domctl_getdomaininfo *info); /* *info is zeroed first */
/* The domain with the lowest number >= first, with a reference; NULL: none. */
struct domain *domctl_next(u32 first);

#endif
