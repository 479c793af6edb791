/* ratelimit.yaml: the shipped file loads, a wrong one is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/base/error.h"
#include "services/ratelimit/ratelimit_config.h"

#define RATES(subject)                                                         \
    "    address: { requests: 9, window_s: 60, burst: 9 }\n"                   \
    "    client: { requests: 9, window_s: 60, burst: 9 }\n"                    \
    "    subject: " subject "\n"
#define GOOD "{ requests: 9, window_s: 60, burst: 9 }"
#define HEAD "entries: 64\ndefault_tier: a\ntiers:\n"

/* Loads `text` from a directory of its own; 0 or an error and `why`. */
static int
load(const char *text, char *why, size_t size)
{
    char dir[] = "/tmp/test_ratelimit_config.XXXXXX";
    char path[96];
    struct ratelimit_config *config = NULL;
    struct sp_buf reason = sp_buf_new(1024);
    FILE *f = NULL;
    int error = 0;

    cr_assert_not_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/ratelimit.yaml", dir);
    f = fopen(path, "w");
    cr_assert_not_null(f);
    cr_assert_geq(fputs(text, f), 0);
    (void)fclose(f);
    error = ratelimit_config_load(dir, &config, &reason);
    (void)snprintf(why, size, "%.*s", SP_VIEW(sp_buf_view(&reason)));
    (void)unlink(path);
    (void)rmdir(dir);
    cr_assert_eq(error == 0, config != NULL);
    ratelimit_config_free(&config);
    sp_buf_free(&reason);
    return error;
}

Test(ratelimit_config, the_shipped_file_gives_the_promised_limits)
{
    struct ratelimit_config *config = NULL;
    struct sp_buf why = sp_buf_new(1024);

    cr_assert_eq(ratelimit_config_load("deploy/config", &config, &why), 0,
                 "%.*s", SP_VIEW(sp_buf_view(&why)));
    cr_assert_str_eq(config->default_tier, "standard");
    cr_assert_eq(config->tiers_count, 2);
    cr_assert_eq(config->tiers[0].subject.requests, 60);
    cr_assert_eq(config->tiers[0].subject.window_s, 60);
    cr_assert_eq(config->tiers[1].subject.requests, 1000000);
    cr_assert_eq(config->tiers[1].client.requests, 1000000);
    cr_assert_eq(config->tiers[1].address.requests, 1000000);
    cr_assert_eq(config->clients_count, 2);
    cr_assert_str_eq(config->clients[1].client, "bench");
    cr_assert_str_eq(config->clients[1].tier, "load");
    ratelimit_config_free(&config);
    sp_buf_free(&why);
}

Test(ratelimit_config, a_wrong_file_is_refused_and_says_where)
{
    static const struct {
        const char *label;
        const char *text;
        const char *want; /* in the sentence; NULL: loads */
    } rows[] = {
        { "good", HEAD "  - name: a\n" RATES(GOOD), NULL },
        { "unknown key", HEAD "  - name: a\n" RATES(GOOD) "extra: 1\n",
          "extra" },
        { "text for a number", "entries: many\n", "ratelimit.yaml:1" },
        { "no requests",
          HEAD "  - name: a\n" RATES("{ requests: 0, window_s: 60, burst: 1 }"),
          "ratelimit.yaml:7: tiers[0].subject.requests is 0" },
        { "burst above requests",
          HEAD
          "  - name: a\n" RATES("{ requests: 9, window_s: 60, burst: 10 }"),
          "ratelimit.yaml:7: tiers[0].subject.burst is 10; give a number from "
          "1 to 9" },
        { "window too long",
          HEAD
          "  - name: a\n" RATES("{ requests: 9, window_s: 86401, burst: 9 }"),
          "ratelimit.yaml:7: tiers[0].subject.window_s" },
        { "a tier twice",
          HEAD "  - name: a\n" RATES(GOOD) "  - name: a\n" RATES(GOOD),
          "ratelimit.yaml:8: tiers[1].name is a again" },
        { "a name with a quote", HEAD "  - name: a\"b\n" RATES(GOOD),
          "ratelimit.yaml:4: tiers[0].name has more than a-z" },
        { "default tier unknown",
          "entries: 64\ndefault_tier: z\ntiers:\n  - name: a\n" RATES(GOOD),
          "ratelimit.yaml:2: default_tier is z" },
        { "client of an unknown tier",
          HEAD
          "  - name: a\n" RATES(GOOD) "clients:\n  - { client: c, tier: z }\n",
          "ratelimit.yaml:9: clients[0].tier is z" },
        { "no entries",
          "entries: 0\ndefault_tier: a\ntiers:\n  - name: a\n" RATES(GOOD),
          "ratelimit.yaml:1: entries is 0" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char why[1024];
        int error = load(rows[i].text, why, sizeof(why));

        if (rows[i].want == NULL) {
            cr_assert_eq(error, 0, "%s: %s", rows[i].label, why);
        } else {
            cr_assert_eq(error, SP_ECONFIG, "%s", rows[i].label);
            cr_assert_not_null(strstr(why, rows[i].want), "%s: %s",
                               rows[i].label, why);
        }
    }
}
