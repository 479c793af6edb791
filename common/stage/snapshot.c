/* Holders of a configuration. */
#include "common/stage/snapshot.h"

#include <assert.h>

void
sp_snapshot_begin(struct sp_snapshot *snapshot,
                  void (*end)(struct sp_snapshot *snapshot))
{
    snapshot->holders = 1;
    snapshot->end = end;
}

struct sp_snapshot *
sp_snapshot_hold(struct sp_snapshot *snapshot)
{
    if (snapshot != NULL) {
        snapshot->holders++;
    }
    return snapshot;
}

void
sp_snapshot_release(struct sp_snapshot *snapshot)
{
    if (snapshot == NULL) {
        return;
    }
    assert(snapshot->holders > 0);
    snapshot->holders--;
    if (snapshot->holders == 0) {
        snapshot->end(snapshot);
    }
}
