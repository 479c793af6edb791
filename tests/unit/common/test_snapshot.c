/* Who holds a configuration keeps it. */
#include "common/stage/snapshot.h"

#include <criterion/criterion.h>

#include "common/base/compiler.h"

struct sample {
    struct sp_snapshot snapshot;
    int ended;
};

static void
end_sample(struct sp_snapshot *snapshot)
{
    SP_CONTAINER_OF(snapshot, struct sample, snapshot)->ended++;
}

Test(snapshot, the_last_holder_ends_it)
{
    struct sample sample = { .ended = 0 };

    sp_snapshot_begin(&sample.snapshot, end_sample);
    cr_expect_eq(sp_snapshot_hold(&sample.snapshot), &sample.snapshot);
    sp_snapshot_release(&sample.snapshot);
    cr_expect_eq(sample.ended, 0);
    sp_snapshot_release(&sample.snapshot);
    cr_expect_eq(sample.ended, 1);
}

Test(snapshot, none_is_held_by_nobody)
{
    cr_expect_null(sp_snapshot_hold(NULL));
    sp_snapshot_release(NULL);
}
