/* A helper process for work that blocks or computes for long: forked before the
 * jail closes, in a jail of its own, answering fixed-size questions with
 * fixed-size answers over a socketpair. */
#ifndef SP_COMMON_PROCESS_HELPER_H
#define SP_COMMON_PROCESS_HELPER_H

#include <stddef.h>

#include "common/base/compiler.h"
#include "common/process/jail_needs.h"

struct sp_helper;

/* What a helper does. Everything is copied. */
struct sp_helper_work {
    const char *name; /* at most 15 characters, as ps shows it */
    const struct sp_jail *jail;
    size_t question_size;
    size_t answer_size;
    /* Runs once before the jail closes; may be NULL. */
    void (*prepare)(void);
    /* Answers one question; wipes from `question` what is secret. */
    void (*answer)(void *question, void *answer);
};

/* Forks the helper. It ends with its parent, or when the pair is closed. 0 or
 * SP_ESYSTEM. */
SP_MUST_CHECK int
sp_helper_start(const struct sp_helper_work *work,
                struct sp_helper **ret_helper);

/* The descriptor to watch for answers. */
int
sp_helper_fd(const struct sp_helper *helper);

/* Sends a question of the right size; never blocks. 0, SP_EFULL, or SP_ESYSTEM
 * where the helper is gone. */
SP_MUST_CHECK int
sp_helper_ask(struct sp_helper *helper, const void *question);

/* Takes one answer. 0, SP_ENOPEER where none waits, SP_ESYSTEM where the helper
 * is gone or its answer has the wrong size. */
SP_MUST_CHECK int
sp_helper_take(struct sp_helper *helper, void *answer);

/* Ends the helper and waits for it. */
void
sp_helper_free(struct sp_helper **helper);

#endif
