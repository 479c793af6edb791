/* Another ratelimit.yaml for a process that runs: taken whole or not at all. */
#include "services/ratelimit/ratelimit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "common/base/error.h"

#define TIER(n)                                                                \
    "tiers:\n  - name: standard\n"                                             \
    "    address: { requests: " n ", window_s: 60, burst: " n " }\n"           \
    "    client: { requests: " n ", window_s: 60, burst: " n " }\n"            \
    "    subject: { requests: " n ", window_s: 60, burst: " n " }\n"
#define FILE_OF(entries, n)                                                    \
    "entries: " entries "\ndefault_tier: standard\n" TIER(n)

static const unsigned char seed[LIMIT_STATES_SEED_BYTES] = "0123456789abcde";

static void
write_file(const char *directory, const char *text)
{
    char path[64];
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "%s/ratelimit.yaml", directory);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

Test(ratelimit_reload, takes_a_good_file_and_keeps_the_old_beside_a_bad_one)
{
    static const struct {
        const char *text;
        const char *says; /* NULL: taken */
        uint32_t requests;
    } rows[] = {
        { FILE_OF("1024", "20"), NULL, 20 },
        { FILE_OF("1024", "0"), "ratelimit.yaml:5: tiers[0].address.requests",
          20 },
        { FILE_OF("1025", "30"), "sallyport restart ratelimit", 20 },
        { "entries: 1024\n", "ratelimit.yaml:", 20 },
        { FILE_OF("1024", "40"), NULL, 40 },
    };
    char directory[] = "/tmp/sp-ratelimit-XXXXXX";
    char path[64];
    struct ratelimit rl = { .rt = NULL };
    struct sp_buf why = sp_buf_new(4096);

    cr_assert_not_null(mkdtemp(directory));
    write_file(directory, FILE_OF("1024", "10"));
    cr_assert_eq(ratelimit_config_load(directory, &rl.config, &why), 0);
    rl.admission = admission_new(rl.config, seed);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct verdict v;
        const struct caller who = { SP_VIEW_LITERAL("192.0.2.1"),
                                    SP_VIEW_LITERAL("app"),
                                    SP_VIEW_LITERAL("anna") };
        int error = 0;

        sp_buf_reset(&why);
        write_file(directory, rows[i].text);
        error = ratelimit_reload(&rl, directory, &why);
        (void)sp_buf_add(&why, "", 1);
        cr_expect_eq(error, rows[i].says == NULL ? 0 : SP_ECONFIG, "row %zu",
                     i);
        cr_expect(rows[i].says == NULL ||
                      strstr(why.data, rows[i].says) != NULL,
                  "row %zu: %s", i, why.data);
        cr_expect_eq(rl.config->tiers[0].subject.requests, rows[i].requests);
        admission_ask(rl.admission, &who, 1000000000000, &v);
        cr_expect_eq(v.states[LIMIT_SUBJECT].requests, rows[i].requests);
    }
    admission_free(&rl.admission);
    ratelimit_config_free(&rl.config);
    sp_buf_free(&why);
    (void)snprintf(path, sizeof(path), "%s/ratelimit.yaml", directory);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(directory), 0);
}
