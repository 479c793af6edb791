/* Chat Completions: what is read from a request and changed in it on its way
 * to the upstream, and what is read from the answer. Knows no socket. */
#ifndef SP_SERVICES_LLM_CHAT_H
#define SP_SERVICES_LLM_CHAT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"
#include "common/text/json.h"
#include "services/llm/llm_config.h"

struct chat_request {
    struct sp_view model; /* in the text, or in the scratch buffer */
    bool stream;
    bool wants_usage; /* stream_options.include_usage */
};

/* Tokens as the upstream counted them. */
struct chat_usage {
    bool known;
    uint64_t in;
    uint64_t out;
};

/* Parses a request's body into `json`. 0 or SP_EFORMAT. */
SP_MUST_CHECK int
chat_read(struct sp_json *json, struct sp_view body, struct sp_buf *scratch,
          struct chat_request *ret_request);

/* Appends the request for an upstream of `kind`: all members as they stand,
 * but usage is always asked for, nothing is stored, and the cap on the output
 * stands where this upstream obeys it. 0 or SP_ELIMIT. */
SP_MUST_CHECK int
chat_write(const struct sp_json *json, const struct chat_request *request,
           enum llm_kind kind, struct sp_buf *out);

/* What a whole answer, or one event of a streamed one, is. */
enum chat_event {
    CHAT_PIECE,  /* for the client */
    CHAT_HIDDEN, /* the usage that we asked for and the client did not; a sign
                  * of life */
    CHAT_DONE,   /* [DONE] */
    CHAT_ERROR,  /* the upstream gave up; see upstream_refused() */
    CHAT_BROKEN, /* none of these */
};

/* Judges a whole answer and takes its usage: CHAT_PIECE, CHAT_ERROR or
 * CHAT_BROKEN. */
enum chat_event
chat_answer(struct sp_json *json, struct sp_view body,
            struct chat_usage *usage);

/* True where the text is a failure in any of the upstreams' dialects. */
bool
chat_failed(struct sp_json *json, struct sp_view text);

/* Judges the data of an event and takes its usage, where it has any. */
enum chat_event
chat_event(struct sp_json *json, struct sp_view data, bool wants_usage,
           struct chat_usage *usage);

/* Appends an event with this data, which is JSON text or [DONE]: its newlines
 * can only stand between tokens and become spaces. 0 or SP_ELIMIT. */
int
chat_add_event(struct sp_buf *out, struct sp_view data);

#endif
