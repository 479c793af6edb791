/* Which Host and Origin values the gate answers to: the defence against DNS
 * rebinding and against pages of other origins (MCP, basic/transports). */
#ifndef SP_SERVICES_EDGE_HOSTS_H
#define SP_SERVICES_EDGE_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"

struct hosts;

/* Allows nothing yet. */
struct hosts *
hosts_new(void);

void
hosts_free(struct hosts **hosts);

/* Allows host[:port], and https:// in front of it as an origin. 0, SP_EFORMAT
 * where it is no host, SP_ELIMIT beyond 64 names. */
SP_MUST_CHECK int
hosts_allow(struct hosts *hosts, struct sp_view authority);

/* Allows 127.0.0.1, localhost and [::1] with the port. 0 or SP_ELIMIT. */
SP_MUST_CHECK int
hosts_allow_local(struct hosts *hosts, uint16_t port);

/* Allows an origin: scheme://host[:port]; the port of http and https may be
 * named or not. 0, SP_EFORMAT or SP_ELIMIT. */
SP_MUST_CHECK int
hosts_allow_origin(struct hosts *hosts, struct sp_view origin);

/* True where a Host header with this value is answered. ASCII case does not
 * matter; a port of 443 may be left out. */
bool
hosts_knows(const struct hosts *hosts, struct sp_view host);

/* True where a request of this Origin is answered. "null" is not. */
bool
hosts_knows_origin(const struct hosts *hosts, struct sp_view origin);

#endif
