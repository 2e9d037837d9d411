/* SPDX-License-Identifier: MIT */
/* What the tools are told about a domain, by domctl and sysctl alike. */
#ifndef WIRT_CALL_DOMCTL_H
#define WIRT_CALL_DOMCTL_H

#include "dom/domain.h"
#include "public/domctl.h"

/* What there is to say of the domain with the lowest number >= first; false: there is none. */
bool domctl_info(u32 first, struct xen_domctl_getdomaininfo *info);

#endif
