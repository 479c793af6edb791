/*
 * NAME
 *     llm - asks the model
 *
 * PURPOSE
 *     Serves POST /v1/chat/completions and GET /v1/models from one upstream:
 *     OpenAI, a server that speaks its API, or Ollama by its OpenAI-compatible
 *     paths. Opens the passport that auth sealed, so that no stage in between
 *     can invent a caller or change the request, checks the scope llm:chat
 *     again, and the model against the list in llm.yaml. Of the client's
 *     request only the JSON body goes upstream, less `store`; usage is always
 *     asked for, and hidden from a client that did not. A streamed answer is
 *     passed on event by event, each one checked, at the pace of the client:
 *     when its credit is used up, nothing more is read from the upstream. The
 *     upstream's error texts never pass, whatever status they come with;
 *     clients get sentences of our own.
 *
 * PEERS
 *     ratelimit sends. Answers go to the validation replica that examined the
 *     call, by its name, and to no other. Refusals and STARTED go to the edge
 *     that waits.
 *
 * MESSAGES
 *     served  ADMITTED_CALL, CANCEL, CREDIT, PROBE
 *     sent    STARTED (before the upstream is asked), DENIAL and PEER_LOST to
 *             the edge; RESULT and PROBE_ANSWER to validation; EVENT, STATUS
 *     Events: model_called (with tokens and time), model_failed (with the
 *     code given and the upstream's status), model_refused, chat_refused,
 *     scope_refused, path_refused, llm_busy, and those of every executor:
 *     passport_refused, passport_expired, request_id_reused, call_cancelled,
 *     call_expired, call_lease_expired, call_token_expired, answer_lost.
 *
 * PRIVILEGES
 *     Holds keys/llm/passport.key, the upstream's key keys/llm/<upstream>.key,
 *     and the keys of its links. The jail lets it read the configuration and
 *     the system's certificate authorities, and connect to the one TCP port of
 *     its upstream. A helper, forked before the keys are loaded, asks the
 *     resolver; every address is checked and pinned. Redirects are not
 *     followed, proxies of the environment are ignored.
 *
 * CONFIG
 *     deploy/config/llm.yaml: the upstream, the models, limits and times.
 *     SIGHUP reads it again, for the calls to come; the upstream's name, port
 *     and ca_file stay what they were at the start.
 *
 * METRICS
 *     sallyport_llm_calls_total{outcome}, _tokens_total{direction},
 *     _answers_without_usage_total, _first_bytes_total, _first_byte_ms_total
 *     (their sum), and those of every executor: _requests_total{outcome},
 *     _passports_refused_total, _parts_total, _pauses_total, _in_flight,
 *     _answer_bytes_waiting
 *
 * FAILURE
 *     No upstream: it starts and is ready all the same; calls get 502. A slow
 *     upstream: 504. Its 429 and 503 pass with their Retry-After, in seconds,
 *     an hour at most, also where it was a date. A stream that breaks ends with
 *     an error event, never as if it were whole. A repeated
 *     call that this replica knows is not run again; one that another replica
 *     ran and lost is asked anew. A killed replica loses its calls. The
 *     validation replica of a call is gone: a whole answer, also one that left
 *     within the last five seconds, goes to the one that the edge's repetition
 *     names, a stream ends. The client reads slowly: the upstream is not read.
 *     Nobody asks after a stream for 90 seconds, or the caller's token ends: it
 *     ends too.
 *
 * TESTS
 *     tests/unit/llm/test_sse.c, test_chat.c, test_models.c, test_upstream.c,
 *     test_llm.c, test_llm_config.c;
 *     tests/unit/common/test_executor.c, test_fetcher.c, test_fetch_address.c;
 *     tests/attack/llm/test_llm.c, tests/attack/common/test_fetcher.c,
 *     test_fetch_tls.c;
 *     tests/fuzz/llm/fuzz_sse.c, fuzz_chat.c; tests/interop/test_openai.py
 */
#include <errno.h>
#include <stdio.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/stage/port.h"
#include "common/stage/service.h"
#include "services/llm/llm.h"
#include "services/llm/wire.h"

/* A URL of the file may stand in it. */
#define MAX_WHY 8192
/* For as many calls as limits.calls may name in a reload, each with its
 * connection and libcurl's buffers. */
#define OPEN_FILES 65536
#define ADDRESS_SPACE (4ull * 1024 * 1024 * 1024)

/* A key that could end the header it is sent in is none. */
static void
check_key(const struct sp_secret *key, const char *path)
{
    struct sp_view bytes = sp_secret_view(key);

    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] <= ' ' || bytes.ptr[i] > '~') {
            sp_refuse("%s holds a blank or an unprintable byte; put the bare "
                      "key into it, on one line",
                      path);
        }
    }
}

static void
load_upstream_key(struct sp_runtime *rt, struct llm *llm)
{
    const struct llm_upstream *upstream = &llm->config->upstream;
    char name[64];
    char *path = NULL;
    int error = 0;

    (void)snprintf(name, sizeof(name), "%s.key", upstream->name);
    path = sp_runtime_key_path(rt, name);
    error = sp_secret_load(path, &llm->upstream_key);
    if (error == 0) {
        check_key(llm->upstream_key, path);
    } else if (upstream->kind != LLM_OLLAMA || error != SP_ESYSTEM ||
               errno != ENOENT) {
        sp_refuse("cannot load %s: %s; put the upstream's key into it, mode "
                  "0600",
                  path, sp_error_reason(error));
    }
    sp_free(path);
}

static void
load_passport_key(struct sp_runtime *rt, struct llm *llm)
{
    char *path = sp_runtime_key_path(rt, "passport.key");
    int error =
        sp_secret_load_hex(path, SP_PASSPORT_KEY_BYTES, &llm->passport_key);

    if (error != 0) {
        sp_refuse("cannot load %s: %s; run `sallyport init` to make keys", path,
                  sp_error_reason(error));
    }
    sp_free(path);
}

static void
load_config(struct llm *llm)
{
    struct sp_buf why = sp_buf_new(MAX_WHY);

    if (llm_config_load(llm->directory, &llm->config, &why) != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
    }
    sp_buf_free(&why);
}

static int
reload(void *self, struct sp_buf *why)
{
    struct llm *llm = self;

    return llm_reload(llm, llm->directory, why);
}

static void
before_jail(struct sp_runtime *rt, void *self, struct sp_jail *jail)
{
    static const struct sp_jail_path authorities[] = { SP_FETCHER_JAIL_PATHS };
    struct llm *llm = self;
    struct sp_port port = sp_port_of(rt);

    llm->loop = sp_runtime_loop(rt);
    /* Before the keys: it forks its helper. */
    llm->fetcher = sp_fetcher_new(llm->loop);
    llm->directory = sp_runtime_settings(rt)->config;
    load_config(llm);
    load_passport_key(rt, llm);
    load_upstream_key(rt, llm);
    llm_prepare(llm);
    wire_open(llm, &port);
    for (size_t i = 0; i < SP_COUNT(authorities); i++) {
        llm->paths[jail->path_count++] = authorities[i];
    }
    if (llm->config->upstream.ca_file != NULL) {
        llm->paths[jail->path_count++] =
            (struct sp_jail_path){ llm->config->upstream.ca_file, SP_JAIL_READ,
                                   false };
    }
    llm->port = llm_config_port(llm->config);
    jail->paths = llm->paths;
    jail->inet = true;
    jail->address_space_bytes = ADDRESS_SPACE;
    jail->open_files = OPEN_FILES;
    jail->connect_ports = &llm->port;
    jail->connect_port_count = 1;
}

static void
fini(void *self)
{
    llm_release(self);
}

int
main(int argc, char **argv)
{
    static const struct sp_handler handlers[] = {
        { SP_MSG_ADMITTED_CALL, wire_on_admitted_call },
        { SP_MSG_CANCEL, wire_on_cancel },
        { SP_MSG_CREDIT, wire_on_credit },
        { SP_MSG_PROBE, wire_on_probe },
    };
    static const char *const config_files[] = { "llm", NULL };
    static const struct sp_service service = {
        .id = SP_SERVICE_LLM,
        .handlers = handlers,
        .handler_count = SP_COUNT(handlers),
        .before_jail = before_jail,
        .peer = wire_peer,
        .metrics = wire_metrics,
        .in_flight = wire_in_flight,
        .config_files = config_files,
        .reload = reload,
        .fini = fini,
    };
    struct llm llm = { 0 };

    return sp_service_main(&service, &llm, argc, argv);
}
