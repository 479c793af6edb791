#include "common/stage/pulse.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/error.h"

/* Every field has its length, so that a rewrite needs no truncation. */
static const char *const words[] = { "waits", "ready" };

enum {
    WORD = 5,
    NUMBER = 20,
    RECORD = WORD + 1 + NUMBER + 1 + SP_CONFIG_VERSION_LEN + 1 +
             SP_PULSE_REFUSAL_MAX + 1,
    PATH = 128
};

static void
path_of(char path[PATH], const char *service, const char *replica)
{
    (void)snprintf(path, PATH, "run/%s/%s.pulse", service, replica);
}

int
sp_pulse_open(const char *service, const char *replica)
{
    char path[PATH];
    int fd = -1;

    (void)snprintf(path, sizeof(path), "run/%s", service);
    if ((mkdir("run", 0700) != 0 && errno != EEXIST) ||
        (mkdir(path, 0700) != 0 && errno != EEXIST)) {
        return SP_ESYSTEM;
    }
    path_of(path, service, replica);
    fd =
        open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? SP_ESYSTEM : fd;
}

void
sp_pulse_beat(int fd, const struct sp_pulse *pulse)
{
    char record[RECORD + 1];

    (void)snprintf(record, sizeof(record), "%s %0*" PRIu64 " %-*s %-*s\n",
                   words[pulse->state == SP_PULSE_READY ? 1 : 0], NUMBER,
                   pulse->reloads, SP_CONFIG_VERSION_LEN, pulse->version,
                   SP_PULSE_REFUSAL_MAX, pulse->refusal);
    if (lseek(fd, 0, SEEK_SET) == 0) {
        ssize_t written = write(fd, record, RECORD);

        (void)written; /* a full disk shows as a stale pulse */
    }
}

/* Copies a field without the blanks that fill it. */
static void
take_field(char *text, const char *from, size_t len)
{
    while (len > 0 && from[len - 1] == ' ') {
        len--;
    }
    memcpy(text, from, len);
    text[len] = '\0';
}

static void
take_record(const char *record, struct sp_pulse *pulse)
{
    const char *at = record + WORD + 1;

    pulse->state = record[0] == words[1][0] ? SP_PULSE_READY : SP_PULSE_WAITS;
    pulse->reloads = strtoull(at, NULL, 10);
    at += NUMBER + 1;
    take_field(pulse->version, at, SP_CONFIG_VERSION_LEN);
    at += SP_CONFIG_VERSION_LEN + 1;
    take_field(pulse->refusal, at, SP_PULSE_REFUSAL_MAX);
}

enum sp_pulse_state
sp_pulse_read(const char *service, const char *replica,
              struct sp_pulse *ret_pulse)
{
    char path[PATH];
    char record[RECORD + 1] = "";
    struct stat st;
    ssize_t len = 0;
    int fd = -1;

    *ret_pulse = (struct sp_pulse){ .state = SP_PULSE_NONE };
    path_of(path, service, replica);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return SP_PULSE_NONE;
    }
    len = read(fd, record, RECORD);
    if (len == RECORD && fstat(fd, &st) == 0 &&
        st.st_mtim.tv_sec + SP_PULSE_STALE_S >= time(NULL)) {
        take_record(record, ret_pulse);
    }
    (void)close(fd);
    return ret_pulse->state;
}
