/* monitor.yaml: the shipped rules load, a wrong file is refused with a mend. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/base/error.h"
#include "services/monitor/monitor_config.h"

#define HEAD "audit: { sync_ms: 50, check_bytes: 4096 }\nquiet_s: 60\nrules:\n"
#define RULE(name, kind, per, count, within, severity)                         \
    "  - name: " name "\n    kinds: [" kind "]\n    per: " per                 \
    "\n    count: " count "\n    within_s: " within                            \
    "\n    severity: " severity "\n    text: t\n"

static int
load(const char *text, char *why, size_t size)
{
    char dir[] = "/tmp/test_monitor_config.XXXXXX";
    char path[96];
    struct monitor_config *config = NULL;
    struct sp_buf reason = sp_buf_new(4096);
    FILE *f = NULL;
    int error = 0;

    cr_assert_not_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/monitor.yaml", dir);
    f = fopen(path, "w");
    cr_assert_not_null(f);
    cr_assert_geq(fputs(text, f), 0);
    (void)fclose(f);
    error = monitor_config_load(dir, &config, &reason);
    (void)snprintf(why, size, "%.*s", SP_VIEW(sp_buf_view(&reason)));
    (void)unlink(path);
    (void)rmdir(dir);
    cr_assert_eq(error == 0, config != NULL);
    monitor_config_free(&config);
    sp_buf_free(&reason);
    return error;
}

static const struct rule *
rule_of(const struct monitor_config *config, const char *kind)
{
    for (uint32_t i = 0; i < config->rules_count; i++) {
        for (uint32_t k = 0; k < config->rules[i].kinds_count; k++) {
            if (strcmp(config->rules[i].kinds[k], kind) == 0) {
                return &config->rules[i];
            }
        }
    }
    return NULL;
}

Test(monitor_config, the_shipped_file_watches_what_was_promised)
{
    static const char *const kinds[] = {
        "token_refused",     "scope_missing",  "limit_reached",
        "process_restarted", "process_silent", "audit_gap",
        "audit_broken",      "audit_mended",   "link_refused",
    };
    struct monitor_config *config = NULL;
    struct sp_buf why = sp_buf_new(1024);

    cr_assert_eq(monitor_config_load("deploy/config", &config, &why), 0, "%.*s",
                 SP_VIEW(sp_buf_view(&why)));
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        cr_assert_not_null(rule_of(config, kinds[i]), "%s", kinds[i]);
    }
    cr_assert_eq(rule_of(config, "token_refused")->count, 5);
    cr_assert_eq(rule_of(config, "token_refused")->within_s, 60);
    cr_assert_eq(rule_of(config, "token_refused")->per, RULE_PER_ADDRESS);
    cr_assert_eq(rule_of(config, "audit_broken")->severity, SEVERITY_CRITICAL);
    cr_assert_leq(config->audit.sync_ms, 50);
    monitor_config_free(&config);
    sp_buf_free(&why);
}

Test(monitor_config, a_wrong_file_is_refused_and_says_where)
{
    static const struct {
        const char *label;
        const char *text;
        const char *want; /* in the sentence; NULL: loads */
    } rows[] = {
        { "good", HEAD RULE("a", "token_refused", "address", "1", "60", "low"),
          NULL },
        { "unknown severity",
          HEAD RULE("a", "token_refused", "address", "1", "60", "grave"),
          "monitor.yaml:9: rules[0].severity is 'grave'; give one of low, "
          "medium, high, critical" },
        { "unknown per",
          HEAD RULE("a", "token_refused", "colour", "1", "60", "low"),
          "monitor.yaml:6" },
        { "count too high",
          HEAD RULE("a", "token_refused", "address", "33", "60", "low"),
          "monitor.yaml:7: rules[0].count is 33; give a number from 1 to 32" },
        { "no time",
          HEAD RULE("a", "token_refused", "address", "1", "0", "low"),
          "monitor.yaml:8: rules[0].within_s is 0" },
        { "an alert about alerts",
          HEAD RULE("a", "alert", "gate", "1", "60", "low"),
          "monitor.yaml:5: rules[0].kinds[0] is alert" },
        { "a kind that does not exist",
          HEAD RULE("a", "token_refuse", "gate", "1", "60", "low"),
          "monitor.yaml:5: rules[0].kinds[0] is token_refuse, which nothing "
          "reports; give one of answer_lost, " },
        { "no kind",
          "audit: { sync_ms: 50, check_bytes: 1 }\nquiet_s: 1\nrules:\n"
          "  - name: a\n    kinds: []\n",
          "monitor.yaml:5: rules[0].kinds has 0 entries" },
        { "a name that could forge a line",
          HEAD RULE("\"a b\"", "token_refused", "gate", "1", "60", "low"),
          "rename it" },
        { "syncing too seldom",
          "audit: { sync_ms: 51, check_bytes: 1 }\nquiet_s: 1\nrules: []\n",
          "monitor.yaml:1: audit.sync_ms is 51; give a number from 1 to 50" },
        { "unknown key",
          HEAD RULE("a", "token_refused", "gate", "1", "60", "low") "x: 1\n",
          "monitor.yaml:11" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char why[4096];
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
