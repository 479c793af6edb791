/* A configuration of the edge as a whole, before it is put in force. */
#ifndef SP_SERVICES_EDGE_RULES_H
#define SP_SERVICES_EDGE_RULES_H

#include "common/base/compiler.h"
#include "common/process/settings.h"
#include "common/text/buf.h"

struct edge_config;
struct edge_limits;
struct hosts;

/* Loads `directory`/edge.yaml, and makes the list of hosts and origins that it
 * and the settings allow. 0 with both the caller's, or SP_ECONFIG with a
 * sentence in `why` and both NULL. */
SP_MUST_CHECK int
rules_load(const struct sp_settings *settings, const char *directory,
           struct edge_config **ret_config, struct hosts **ret_hosts,
           struct sp_buf *why);

/* 0 where a running edge may go from `old` to `next`: what its tables, its jail
 * and the HTTP library were made for is the same. Else SP_ECONFIG with a
 * sentence about `directory`/edge.yaml in `why`. */
SP_MUST_CHECK int
rules_follow(const struct edge_limits *next, const struct edge_limits *old,
             const char *directory, struct sp_buf *why);

#endif
