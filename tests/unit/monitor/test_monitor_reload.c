/* Another monitor.yaml for a process that runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "common/base/error.h"
#include "services/monitor/monitor.h"

#define HEAD "audit: { sync_ms: 50, check_bytes: 4096 }\nquiet_s: 60\n"
#define RULE(count)                                                            \
    "rules:\n  - name: guess\n    kinds: [token_refused]\n"                    \
    "    per: address\n    count: " count "\n    within_s: 60\n"               \
    "    severity: high\n    text: somebody guesses\n"

static void
count_one(void *arg, const struct alert *alert)
{
    int *count = arg;

    (void)alert;
    (*count)++;
}

static void
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

static void
send_one(struct detect *d, int64_t now_ms)
{
    const struct sp_event e = { .kind = SP_VIEW_LITERAL("token_refused"),
                                .address = SP_VIEW_LITERAL("192.0.2.1") };

    detect_event(d, SP_SERVICE_AUTH, &e, now_ms);
}

Test(monitor_reload, a_changed_rule_works_and_a_bad_file_changes_nothing)
{
    char directory[] = "/tmp/sp-monitor-XXXXXX";
    char path[64];
    struct monitor m = { .rt = NULL };
    struct sp_buf why = sp_buf_new(4096);
    int alerts = 0;

    cr_assert_not_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/monitor.yaml", directory);
    write_file(path, HEAD RULE("3"));
    cr_assert_eq(monitor_config_load(directory, &m.config, &why), 0);
    m.detect = detect_new(m.config, (struct alert_sink){ count_one, &alerts });
    send_one(m.detect, 1000);
    write_file(path, HEAD RULE("33"));
    cr_assert_eq(monitor_reload(&m, directory, &why), SP_ECONFIG);
    (void)sp_buf_add(&why, "", 1);
    cr_expect_not_null(strstr(why.data, "monitor.yaml:7: rules[0].count"), "%s",
                       why.data);
    send_one(m.detect, 1001);
    send_one(m.detect, 1002);
    cr_assert_eq(alerts, 1, "the old rule, and what it had counted");
    write_file(path, HEAD RULE("2"));
    cr_assert_eq(monitor_reload(&m, directory, &why), 0);
    send_one(m.detect, 1003);
    send_one(m.detect, 1004);
    cr_assert_eq(alerts, 2, "the new rule");
    detect_free(&m.detect);
    monitor_config_free(&m.config);
    sp_buf_free(&why);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(directory), 0);
}
