/* SPDX-License-Identifier: MIT */
/* What the daemon says: whole lines, to standard error, syslog or a file. */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stdint.h>

/* file may be NULL: then syslog, or standard error in the foreground. False: errno says why the file cannot be opened.
 */
bool log_open(const char *file, bool is_foreground);
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* About a domain's misbehaviour. One line each five seconds for a domain and a topic; the next says how many were
 * left out. */
enum log_topic { LOG_QUOTA, LOG_PROTOCOL, LOG_HELD, LOG_RECONNECT, LOG_TOPICS };
void log_domain(uint32_t domid, enum log_topic topic, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* One line per request while this is set (CONTROL log|on). */
extern bool log_traces;

#endif
