/* One configuration with everything that was made from it. The process holds
 * the one in force; a request that keeps pointers into it holds it as well, and
 * so ends with the configuration that it began with, however often the process
 * reloads meanwhile. Embedded in the service's own struct. */
#ifndef SP_COMMON_STAGE_SNAPSHOT_H
#define SP_COMMON_STAGE_SNAPSHOT_H

#include <stddef.h>

struct sp_snapshot {
    size_t holders;
    /* Frees the struct that it is embedded in. */
    void (*end)(struct sp_snapshot *snapshot);
};

/* Held once, by the caller. */
void
sp_snapshot_begin(struct sp_snapshot *snapshot,
                  void (*end)(struct sp_snapshot *snapshot));

/* One holder more. Returns the snapshot; NULL is passed through. */
struct sp_snapshot *
sp_snapshot_hold(struct sp_snapshot *snapshot);

/* One holder less; the last one ends it. NULL is ignored. */
void
sp_snapshot_release(struct sp_snapshot *snapshot);

#endif
