#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/stage/pulse.h"

Test(pulse, tells_alive_ready_stale_and_absent)
{
    char directory[] = "/tmp/sallyport-pulse-XXXXXX";
    const struct timespec past[2] = { { .tv_sec = time(NULL) - 60 },
                                      { .tv_sec = time(NULL) - 60 } };
    const struct sp_pulse waits = { .state = SP_PULSE_WAITS,
                                    .reloads = 7,
                                    .version = "0123456789abcdef",
                                    .refusal = "tools.yaml:3: no \xc3\xa4" };
    const struct sp_pulse ready = { .state = SP_PULSE_READY, .reloads = 8 };
    struct sp_pulse pulse;
    int fd = -1;

    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
    cr_expect_eq(sp_pulse_read("tools", "0", &pulse), SP_PULSE_NONE);
    fd = sp_pulse_open("tools", "0");
    cr_assert_geq(fd, 0);
    cr_expect_eq(sp_pulse_read("tools", "0", &pulse), SP_PULSE_NONE, "not yet");
    sp_pulse_beat(fd, &waits);
    cr_expect_eq(sp_pulse_read("tools", "0", &pulse), SP_PULSE_WAITS);
    cr_expect_eq(pulse.reloads, 7);
    cr_expect_str_eq(pulse.version, "0123456789abcdef");
    cr_expect_str_eq(pulse.refusal, "tools.yaml:3: no \xc3\xa4");
    sp_pulse_beat(fd, &ready);
    cr_expect_eq(sp_pulse_read("tools", "0", &pulse), SP_PULSE_READY);
    cr_expect_eq(pulse.reloads, 8);
    cr_expect_str_eq(pulse.refusal, "", "nothing is left of the longer text");
    cr_expect_eq(sp_pulse_read("tools", "1", &pulse), SP_PULSE_NONE);
    cr_assert_eq(futimens(fd, past), 0);
    cr_expect_eq(sp_pulse_read("tools", "0", &pulse), SP_PULSE_NONE, "stale");
    cr_expect_str_eq(pulse.version, "");
    cr_assert_eq(close(fd), 0);
    cr_assert_eq(unlink("run/tools/0.pulse"), 0);
    cr_assert_eq(rmdir("run/tools"), 0);
    cr_assert_eq(rmdir("run"), 0);
    cr_assert_eq(rmdir(directory), 0);
}
