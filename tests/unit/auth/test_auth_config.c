/* auth.yaml: the shipped file loads, slips of the pen are refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "common/base/error.h"
#include "services/auth/auth_config.h"

Test(auth_config, the_shipped_file_loads)
{
    struct auth_config *config = NULL;
    struct sp_buf why = sp_buf_new(1024);

    cr_assert_eq(auth_config_load("deploy/config", &config, &why), 0, "%.*s",
                 SP_VIEW(sp_buf_view(&why)));
    cr_assert_eq(config->tokens.lifetime_s, 900);
    cr_assert_eq(config->tokens.cached, 4096);
    cr_assert_str_eq(config->tokens.signing_key, "es256");
    cr_assert_eq(config->scopes_count, 6);
    cr_assert_eq(config->clients_count, 2);
    cr_assert_str_eq(config->clients[0].id, "demo");
    cr_assert_str_eq(config->clients[1].id, "bench");
    auth_config_free(&config);
    cr_assert_null(config);
    sp_buf_free(&why);
}

/* One change of the shipped file: `from` becomes `to`. */
struct slip {
    const char *label;
    const char *from;
    const char *to;
};

static const struct slip slips[] = {
    { "an unknown key", "tokens:\n", "tokens:\n  colour: red\n" },
    { "a life too short", "lifetime_s: 900", "lifetime_s: 59" },
    { "a life too long", "lifetime_s: 900", "lifetime_s: 3601" },
    { "a life that is no number", "lifetime_s: 900", "lifetime_s: long" },
    { "a negative life", "lifetime_s: 900", "lifetime_s: -1" },
    { "no room for tokens", "cached: 4096", "cached: 0" },
    { "a missing key", "  signing_key: es256\n", "" },
    { "no burst", "burst: 10", "burst: 0" },
    { "a skew too large", "clock_skew_s: 5", "clock_skew_s: 61" },
    { "a scope with a quote", "  - llm:chat\n\n# What",
      "  - llm:chat\n  - 'a\"b'\n\n# What" },
    { "a client's unknown scope", "      - customer:read\n",
      "      - customer:write\n" },
    { "an unknown scope in the challenge", "models: [llm:chat]",
      "models: [llm:talk]" },
    { "a challenge of nothing", "models: [llm:chat]", "models: []" },
};

static char *
shipped(void)
{
    static char text[65536];
    FILE *file = fopen("deploy/config/auth.yaml", "r");

    cr_assert_not_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    cr_assert_eq(fclose(file), 0);
    return text;
}

/* Loads the shipped file with the slip: refused, with a sentence. */
static void
try_slip(const struct slip *slip)
{
    char directory[] = "/tmp/test_auth_config.XXXXXX";
    char path[64];
    char *text = shipped();
    char *at = strstr(text, slip->from);
    FILE *file = NULL;
    struct auth_config *config = NULL;
    struct sp_buf why = sp_buf_new(1024);

    cr_assert_not_null(at, "%s", slip->label);
    cr_assert_not_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/auth.yaml", directory);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    (void)fprintf(file, "%.*s%s%s", (int)(at - text), text, slip->to,
                  at + strlen(slip->from));
    cr_assert_eq(fclose(file), 0);
    cr_expect_eq(auth_config_load(directory, &config, &why), SP_ECONFIG, "%s",
                 slip->label);
    cr_expect_null(config, "%s", slip->label);
    cr_expect(memmem(why.data, why.len, "auth.yaml", 9) != NULL &&
                  memchr(why.data, ';', why.len) != NULL,
              "%s: %.*s", slip->label, SP_VIEW(sp_buf_view(&why)));
    sp_buf_free(&why);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(directory), 0);
}

Test(auth_config, slips_are_refused)
{
    for (size_t i = 0; i < SP_COUNT(slips); i++) {
        try_slip(&slips[i]);
    }
}
