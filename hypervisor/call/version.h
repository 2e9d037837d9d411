/* SPDX-License-Identifier: MIT */
/* Wirt's own command line as xen_version shows it to dom0; boot fills it, NUL-terminated, sealed afterwards. */
#ifndef WIRT_CALL_VERSION_H
#define WIRT_CALL_VERSION_H

extern char version_command_line[1024];

#endif
