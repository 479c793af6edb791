/* The hashing helper. */
#include "services/auth/hasher.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>

#include "common/alloc.h"
#include "common/error.h"
#include "common/jail.h"
#include "common/log.h"

struct question {
    uint32_t tag;
    uint32_t secret_len;
    char hash[crypto_pwhash_STRBYTES];
    char secret[HASHER_MAX_SECRET];
};

struct verdict {
    uint32_t tag;
    uint32_t good;
};

struct hasher {
    int fd;
    pid_t helper;
};

static struct verdict
judge(struct question *q)
{
    struct verdict verdict = { .tag = q->tag };

    q->hash[sizeof(q->hash) - 1] = '\0';
    if (q->secret_len <= sizeof(q->secret) &&
        crypto_pwhash_str_verify(q->hash, q->secret, q->secret_len) == 0) {
        verdict.good = 1;
    }
    explicit_bzero(q, sizeof(*q));
    return verdict;
}

SP_NORETURN static void
help(int fd)
{
    const struct sp_jail jail = { 0 };
    const char *why = NULL;
    struct question question;
    struct verdict verdict;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NAME, "auth-hasher");
    if (sp_jail_close(&jail, &why) != 0) {
        sp_refuse("hasher: %s", why);
    }
    for (;;) {
        ssize_t len = recv(fd, &question, sizeof(question), 0);

        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len != (ssize_t)sizeof(question)) {
            _exit(0);
        }
        verdict = judge(&question);
        if (send(fd, &verdict, sizeof(verdict), MSG_NOSIGNAL) < 0) {
            _exit(0);
        }
    }
}

int
hasher_start(struct hasher **ret_hasher)
{
    struct hasher *hasher = NULL;
    int ends[2];
    pid_t helper = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return SP_ESYSTEM;
    }
    helper = fork();
    if (helper < 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return SP_ESYSTEM;
    }
    if (helper == 0) {
        (void)close(ends[0]);
        help(ends[1]);
    }
    (void)close(ends[1]);
    hasher = sp_alloc(sizeof(*hasher));
    hasher->fd = ends[0];
    hasher->helper = helper;
    *ret_hasher = hasher;
    return 0;
}

void
hasher_free(struct hasher **hasher)
{
    if (*hasher != NULL) {
        /* The helper ends when its end of the pair reads the end. */
        (void)close((*hasher)->fd);
        (void)waitpid((*hasher)->helper, NULL, 0);
        sp_free(*hasher);
        *hasher = NULL;
    }
}

int
hasher_fd(const struct hasher *hasher)
{
    return hasher->fd;
}

int
hasher_ask(struct hasher *hasher, uint32_t tag, const char *hash,
           struct sp_view secret)
{
    struct question question = { .tag = tag };
    size_t hash_len = strlen(hash);
    ssize_t sent = 0;

    if (secret.len > sizeof(question.secret) ||
        hash_len >= sizeof(question.hash)) {
        return SP_ELIMIT;
    }
    memcpy(question.hash, hash, hash_len);
    if (secret.len > 0) {
        memcpy(question.secret, secret.ptr, secret.len);
    }
    question.secret_len = (uint32_t)secret.len;
    sent = send(hasher->fd, &question, sizeof(question),
                MSG_DONTWAIT | MSG_NOSIGNAL);
    explicit_bzero(&question, sizeof(question));
    if (sent < 0) {
        return errno == EAGAIN || errno == ENOBUFS ? SP_EFULL : SP_ESYSTEM;
    }
    return 0;
}

int
hasher_take(struct hasher *hasher, uint32_t *ret_tag, bool *ret_good)
{
    struct verdict verdict;
    ssize_t len = recv(hasher->fd, &verdict, sizeof(verdict), MSG_DONTWAIT);

    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return SP_ENOPEER;
    }
    if (len != (ssize_t)sizeof(verdict)) {
        return SP_ESYSTEM;
    }
    *ret_tag = verdict.tag;
    *ret_good = verdict.good == 1;
    return 0;
}
