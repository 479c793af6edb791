#include "common/stage/pulse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/error.h"

/* Both words have the same length, so that a rewrite needs no truncation. */
static const char *const words[] = { "waits\n", "ready\n" };

enum {
    WORD = 6,
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
sp_pulse_beat(int fd, bool ready)
{
    if (lseek(fd, 0, SEEK_SET) == 0) {
        ssize_t written = write(fd, words[ready ? 1 : 0], WORD);

        (void)written; /* a full disk shows as a stale pulse */
    }
}

enum sp_pulse
sp_pulse_read(const char *service, const char *replica)
{
    char path[PATH];
    char word[WORD] = "";
    struct stat st;
    ssize_t len = 0;
    int fd = -1;

    path_of(path, service, replica);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return SP_PULSE_NONE;
    }
    len = read(fd, word, sizeof(word));
    if (len != WORD || fstat(fd, &st) != 0 ||
        st.st_mtim.tv_sec + SP_PULSE_STALE_S < time(NULL)) {
        (void)close(fd);
        return SP_PULSE_NONE;
    }
    (void)close(fd);
    return word[0] == words[1][0] ? SP_PULSE_READY : SP_PULSE_WAITS;
}
