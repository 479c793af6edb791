/* What `sallyport call` sends and prints, as text: MCP's stateless version
 * (2026-07-28). */
#ifndef SP_CLIENTS_SALLYPORT_CALL_TEXT_H
#define SP_CLIENTS_SALLYPORT_CALL_TEXT_H

#include <stdbool.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

#define CALL_VERSION "2026-07-28"

/* Writes the tools/call for `tool` with `arguments`, each "key=text" or
 * "key:=JSON". 0, or SP_EFORMAT or SP_ELIMIT with a sentence in `why`. */
SP_MUST_CHECK int
call_text_request(const char *tool, const char *const arguments[], size_t count,
                  struct sp_buf *out, struct sp_buf *why);

/* Writes what an answer says, in plain words: the text of a result, else its
 * JSON; the message of an error. Characters that a terminal would obey become
 * question marks. True where it is the result of a call that worked. */
bool
call_text_answer(struct sp_view body, long status, struct sp_buf *out);

#endif
