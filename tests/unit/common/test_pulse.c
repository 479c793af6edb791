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
    int fd = -1;

    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
    cr_expect_eq(sp_pulse_read("tools", "0"), SP_PULSE_NONE);
    fd = sp_pulse_open("tools", "0");
    cr_assert_geq(fd, 0);
    cr_expect_eq(sp_pulse_read("tools", "0"), SP_PULSE_NONE, "not yet");
    sp_pulse_beat(fd, false);
    cr_expect_eq(sp_pulse_read("tools", "0"), SP_PULSE_WAITS);
    sp_pulse_beat(fd, true);
    cr_expect_eq(sp_pulse_read("tools", "0"), SP_PULSE_READY);
    cr_expect_eq(sp_pulse_read("tools", "1"), SP_PULSE_NONE);
    cr_assert_eq(futimens(fd, past), 0);
    cr_expect_eq(sp_pulse_read("tools", "0"), SP_PULSE_NONE, "stale");
    cr_assert_eq(close(fd), 0);
    cr_assert_eq(unlink("run/tools/0.pulse"), 0);
    cr_assert_eq(rmdir("run/tools"), 0);
    cr_assert_eq(rmdir("run"), 0);
    cr_assert_eq(rmdir(directory), 0);
}
