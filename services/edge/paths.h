/* The paths that the gate serves, and the strict reading of a request target
 * (RFC 9112 section 3.2: origin-form only). */
#ifndef SP_SERVICES_EDGE_PATHS_H
#define SP_SERVICES_EDGE_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

/* Limits of the schema's path and query fields. */
#define PATHS_MAX_PATH 2048
#define PATHS_MAX_QUERY 4096

enum paths_method {
    PATHS_GET = 1,
    PATHS_POST = 2,
    PATHS_DELETE = 4,
    PATHS_HEAD = 8, /* implied by GET; travels on as GET */
};

/* Which deadline and which usual time a path has. */
enum paths_class {
    PATHS_AUTH,  /* the authorization server's own answers */
    PATHS_MCP,   /* tool calls */
    PATHS_MODEL, /* model calls, streamed for minutes */
    PATHS_CLASSES
};

/* Who answers. */
enum paths_server {
    PATHS_PIPELINE,
    PATHS_HEALTHZ, /* the edge: the process lives */
    PATHS_READYZ,  /* the edge: every stage answers */
};

struct paths_rule {
    const char *path; /* exact, or a prefix where it ends in '/' */
    unsigned methods; /* enum paths_method, or'ed */
    enum paths_class class;
    enum paths_server server;
};

/* The row of a path, or NULL: 404. */
const struct paths_rule *
paths_find(struct sp_view path);

/* The method of a request line, 0 for one that no path has. Methods are case
 * sensitive (RFC 9110 section 9.1). */
unsigned
paths_method(struct sp_view method);

/* True where the rule takes the method; HEAD goes where GET goes. */
bool
paths_allows(const struct paths_rule *rule, unsigned method);

/* The value of the Allow header for a 405, e.g. "GET, HEAD". */
const char *
paths_allow(const struct paths_rule *rule);

/* Reads a raw target. `path` gets the percent-decoded path: it starts with
 * '/', is valid UTF-8, and holds no dot segment, empty segment, encoded slash,
 * backslash or control. ret_query is the raw query, a view into `target`. 0,
 * SP_EFORMAT, or SP_ELIMIT where it is too long. */
SP_MUST_CHECK int
paths_read(struct sp_view target, struct sp_buf *path,
           struct sp_view *ret_query);

#endif
