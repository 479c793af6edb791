/* The llm process without its sockets: takes admitted calls, checks them
 * again, asks the upstream, and sends what comes back in parts. */
#ifndef SP_SERVICES_LLM_LLM_H
#define SP_SERVICES_LLM_LLM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/secret.h"
#include "common/fetch/fetcher.h"
#include "common/link/link.h"
#include "common/process/loop.h"
#include "common/stage/service.h"
#include "common/text/buf.h"
#include "common/text/json.h"
#include "proto/passport.h"
#include "proto/message.h"
#include "services/llm/llm_config.h"
#include "services/llm/llm_figures.h"

/* Ids of calls that are over, so that a late repetition is not run again: more
 * than one replica answers in the edge's longest deadline. */
#define LLM_RECENT 4096
#define LLM_ID_BYTES 16

struct llm_call;

/* How llm reaches the rest of the gate. */
struct llm_port {
    int (*send)(void *arg, enum sp_service_id to, enum sp_message_id id,
                const void *message, struct sp_place place);
    void (*tell)(void *arg, const struct sp_occurrence *what);
    struct sp_view (*own_name)(void *arg);
    int64_t (*wall_ms)(void);
    void *arg;
};

struct llm {
    struct llm_config *config;
    struct sp_loop *loop;
    struct sp_fetcher *fetcher;
    struct sp_secret *passport_key;
    struct sp_secret *upstream_key; /* NULL: the upstream wants none */
    struct llm_port port;
    struct llm_call *calls; /* in hand */
    size_t call_count;
    unsigned char (*recent)[LLM_ID_BYTES]; /* a ring */
    size_t recent_next;
    struct llm_figures figures;
    struct sp_json json;    /* parsed last; its table is reused */
    struct sp_buf plain;    /* the opened passport */
    struct sp_buf scratch;  /* unescaped names */
    struct sp_buf outgoing; /* the request for the upstream */
};

/* Completes a struct whose members down to `port` are set; takes them over. */
void
llm_begin(struct llm *llm);

/* Ends all calls in silence and frees what llm_begin() took over. */
void
llm_end(struct llm *llm);

/* The messages of the table in main.c. */
void
llm_take_call(struct llm *llm, const struct sp_admitted_call *m);
void
llm_take_cancel(struct llm *llm, const struct sp_cancel *m);
void
llm_take_credit(struct llm *llm, const struct sp_credit *m);
void
llm_take_probe(struct llm *llm, const struct sp_probe *m);

/* A validation replica is gone, and what it held is lost: tells the edges. */
void
llm_peer_lost(struct llm *llm, enum sp_service_id service, struct sp_view name);

#endif
