/* A tools.yaml and what is made from it. */
#include "services/tools/offer.h"

#include <sodium.h>

#include "common/base/alloc.h"

static void
offer_end(struct sp_snapshot *snapshot)
{
    struct offer *offer = SP_CONTAINER_OF(snapshot, struct offer, snapshot);

    mcp_free(&offer->mcp);
    toolset_free(&offer->toolset);
    sp_catalogue_free(&offer->catalogue);
    sp_free(offer->calls);
    sp_free(offer->failed);
    sp_free(offer);
}

static void
make_server(struct offer *offer, const struct offer_means *means)
{
    const struct mcp_means server = {
        .catalogue = offer->catalogue,
        .toolset = offer->toolset,
        .ledger = means->ledger,
        .session_key = means->session_key,
        .random = randombytes_buf,
    };
    size_t count = sp_catalogue_count(offer->catalogue);

    offer->mcp = mcp_new(&server);
    offer->calls = sp_alloc_n(count, sizeof(uint64_t));
    offer->failed = sp_alloc_n(count, sizeof(uint64_t));
}

int
offer_new(const char *directory, const struct offer_means *means,
          struct offer **ret_offer, struct sp_buf *why)
{
    struct offer *offer = sp_alloc(sizeof(*offer));
    int error = 0;

    sp_snapshot_begin(&offer->snapshot, offer_end);
    error = sp_catalogue_load(directory, &offer->catalogue, why);
    if (error == 0) {
        error = toolset_new(offer->catalogue, means->customers, means->ledger,
                            &offer->toolset, why);
    }
    if (error != 0) {
        offer_release(&offer);
        return error;
    }
    make_server(offer, means);
    *ret_offer = offer;
    return 0;
}

void
offer_inherit(struct offer *offer, const struct offer *old)
{
    for (size_t i = 0; i < sp_catalogue_count(offer->catalogue); i++) {
        const struct sp_tool *tool = sp_catalogue_at(offer->catalogue, i);
        const struct sp_tool *was =
            sp_catalogue_find(old->catalogue, sp_view_of(tool->name));

        if (was != NULL) {
            size_t at = (size_t)(was - sp_catalogue_at(old->catalogue, 0));

            offer->calls[i] = old->calls[at];
            offer->failed[i] = old->failed[at];
        }
    }
}

void
offer_release(struct offer **offer)
{
    if (*offer != NULL) {
        sp_snapshot_release(&(*offer)->snapshot);
        *offer = NULL;
    }
}
