#include "common/process/helper.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/process/jail.h"

struct sp_helper {
    int fd;
    pid_t pid;
    size_t question_size;
    size_t answer_size;
};

SP_NORETURN static void
help(int fd, const struct sp_helper_work *work)
{
    void *question = sp_alloc(work->question_size);
    void *answer = sp_alloc(work->answer_size);
    const char *why = NULL;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NAME, work->name);
    if (work->prepare != NULL) {
        work->prepare();
    }
    if (sp_jail_close(work->jail, &why) != 0) {
        sp_refuse("%s: %s", work->name, why);
    }
    for (;;) {
        ssize_t len = recv(fd, question, work->question_size, 0);

        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len != (ssize_t)work->question_size) {
            _exit(0);
        }
        work->answer(question, answer);
        if (send(fd, answer, work->answer_size, MSG_NOSIGNAL) < 0) {
            _exit(0);
        }
    }
}

int
sp_helper_start(const struct sp_helper_work *work,
                struct sp_helper **ret_helper)
{
    struct sp_helper *helper = NULL;
    int ends[2];
    pid_t pid = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return SP_ESYSTEM;
    }
    pid = fork();
    if (pid < 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return SP_ESYSTEM;
    }
    if (pid == 0) {
        (void)close(ends[0]);
        help(ends[1], work);
    }
    (void)close(ends[1]);
    helper = sp_alloc(sizeof(*helper));
    *helper = (struct sp_helper){ .fd = ends[0],
                                  .pid = pid,
                                  .question_size = work->question_size,
                                  .answer_size = work->answer_size };
    *ret_helper = helper;
    return 0;
}

int
sp_helper_fd(const struct sp_helper *helper)
{
    return helper->fd;
}

int
sp_helper_ask(struct sp_helper *helper, const void *question)
{
    if (send(helper->fd, question, helper->question_size,
             MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        return errno == EAGAIN || errno == ENOBUFS ? SP_EFULL : SP_ESYSTEM;
    }
    return 0;
}

int
sp_helper_take(struct sp_helper *helper, void *answer)
{
    ssize_t len = recv(helper->fd, answer, helper->answer_size, MSG_DONTWAIT);

    if (len < 0) {
        return errno == EAGAIN || errno == EINTR ? SP_ENOPEER : SP_ESYSTEM;
    }
    return len == (ssize_t)helper->answer_size ? 0 : SP_ESYSTEM;
}

void
sp_helper_free(struct sp_helper **helper)
{
    if (*helper == NULL) {
        return;
    }
    /* The helper ends when its end of the pair reads the end. A helper forked
     * later holds a copy of our end, so that close() alone is not it. */
    (void)shutdown((*helper)->fd, SHUT_RDWR);
    (void)close((*helper)->fd);
    (void)waitpid((*helper)->pid, NULL, 0);
    sp_free(*helper);
    *helper = NULL;
}
