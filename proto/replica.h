/* The name of a replica, kept beyond the message that brought it. */
#ifndef SP_PROTO_REPLICA_H
#define SP_PROTO_REPLICA_H

#include <string.h>

#include "common/base/view.h"
#include "proto/schema.h"

struct sp_replica {
    size_t len; /* 0: none */
    char name[SP_MAX_REPLICA];
};

/* Keeps a copy; `name` is a field of a decoded message, so that it fits. What
 * would not fit is kept as no name at all. */
static inline void
sp_replica_keep(struct sp_replica *replica, struct sp_view name)
{
    replica->len = name.len <= sizeof(replica->name) ? name.len : 0;
    if (replica->len > 0) {
        memcpy(replica->name, name.ptr, replica->len);
    }
}

/* Lives as long as `replica`. */
static inline struct sp_view
sp_replica_view(const struct sp_replica *replica)
{
    return sp_view_make(replica->name, replica->len);
}

#endif
