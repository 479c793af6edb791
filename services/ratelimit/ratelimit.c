/* Another configuration for a running process. */
#include "services/ratelimit/ratelimit.h"

#include "common/process/config.h"

int
ratelimit_reload(struct ratelimit *rl, const char *directory,
                 struct sp_buf *why)
{
    struct ratelimit_config *next = NULL;
    int error = ratelimit_config_load(directory, &next, why);

    if (error == 0 && next->entries != rl->config->entries) {
        error = sp_config_frozen(why, directory, "ratelimit", "entries");
    }
    if (error != 0) {
        ratelimit_config_free(&next);
        return error;
    }
    admission_configure(rl->admission, next);
    ratelimit_config_free(&rl->config);
    rl->config = next;
    return 0;
}
