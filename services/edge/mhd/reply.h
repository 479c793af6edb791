/* Answers as the HTTP library takes them, with the security headers that every
 * one of them carries. */
#ifndef SP_SERVICES_EDGE_MHD_REPLY_H
#define SP_SERVICES_EDGE_MHD_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/stage/refusal.h"
#include "common/text/buf.h"

struct request;

/* The longest detail that reply_takes() writes. */
#define REPLY_DETAIL_MAX 160

/* True where header text can be sent as it stands; else `detail` names the
 * header that cannot, and its size. */
SP_MUST_CHECK bool
reply_takes(struct sp_view headers, char detail[REPLY_DETAIL_MAX]);

/* Prepares a whole answer: r->response, r->head and r->status. `headers` is
 * header text that reply_takes(); what this path's answers may not carry is
 * left out and recorded. Both are copied. */
void
reply_whole(struct request *r, unsigned status, struct sp_view headers,
            struct sp_view body);

/* As reply_whole(), for an answer that comes in parts by r->stream. `taken` is
 * called when the client has taken some of it. */
void
reply_stream(struct request *r, unsigned status, struct sp_view headers,
             void (*taken)(struct request *r));

/* Prepares a refusal in the form that callers of the path expect. `close`: the
 * connection ends with it. */
void
reply_refuse(struct request *r, const struct sp_refusal *refusal, bool close);

/* Writes a whole answer, head and body, in place of one that the library makes
 * by itself with this status. `r` may be NULL. The connection ends with it. */
void
reply_library(const struct request *r, unsigned status, struct sp_buf *out);

#endif
