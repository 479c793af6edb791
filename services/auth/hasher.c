/* The hashing helper. */
#include "services/auth/hasher.h"

#include <string.h>

#include <sodium.h>

#include "common/base/error.h"
#include "common/process/jail.h"

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

static void
judge(void *asked, void *answered)
{
    struct question *q = asked;
    struct verdict *verdict = answered;

    q->hash[sizeof(q->hash) - 1] = '\0';
    verdict->tag = q->tag;
    verdict->good =
        q->secret_len <= sizeof(q->secret) &&
        crypto_pwhash_str_verify(q->hash, q->secret, q->secret_len) == 0;
    explicit_bzero(q, sizeof(*q));
}

int
hasher_start(struct sp_helper **ret_hasher)
{
    const struct sp_jail jail = { 0 };
    const struct sp_helper_work work = {
        .name = "auth-hasher",
        .jail = &jail,
        .question_size = sizeof(struct question),
        .answer_size = sizeof(struct verdict),
        .answer = judge,
    };

    return sp_helper_start(&work, ret_hasher);
}

int
hasher_ask(struct sp_helper *hasher, uint32_t tag, const char *hash,
           struct sp_view secret)
{
    struct question question = { .tag = tag };
    size_t hash_len = strlen(hash);
    int error = 0;

    if (secret.len > sizeof(question.secret) ||
        hash_len >= sizeof(question.hash)) {
        return SP_ELIMIT;
    }
    memcpy(question.hash, hash, hash_len);
    if (secret.len > 0) {
        memcpy(question.secret, secret.ptr, secret.len);
    }
    question.secret_len = (uint32_t)secret.len;
    error = sp_helper_ask(hasher, &question);
    explicit_bzero(&question, sizeof(question));
    return error;
}

int
hasher_take(struct sp_helper *hasher, uint32_t *ret_tag, bool *ret_good)
{
    struct verdict verdict;
    int error = sp_helper_take(hasher, &verdict);

    if (error == 0) {
        *ret_tag = verdict.tag;
        *ret_good = verdict.good == 1;
    }
    return error;
}
