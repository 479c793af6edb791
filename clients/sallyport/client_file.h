/* The list of clients in the text of auth.yaml: read and changed in place, so
 * that the operator's comments and order stay. */
#ifndef SP_CLIENTS_SALLYPORT_CLIENT_FILE_H
#define SP_CLIENTS_SALLYPORT_CLIENT_FILE_H

#include <stdbool.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

#define CLIENT_FILE_MAX (1024 * 1024)

/* Calls `each` with every client's id and its scopes, separated by spaces; both
 * live as long as the call. 0, or SP_EFORMAT where the text has no list of
 * clients. */
SP_MUST_CHECK int
client_file_each(struct sp_view text,
                 void (*each)(void *arg, const char *id, const char *scopes),
                 void *arg);

/* True where the list has a client of this id. */
bool
client_file_has(struct sp_view text, const char *id);

/* Writes the lines that stand for a client, each indented by `indent`. */
void
client_file_entry(const char *id, const char *scopes, size_t indent,
                  struct sp_buf *out);

/* Writes the text with one client more, at the end of the list. 0, SP_ELIMIT,
 * or SP_EFORMAT where the list is not one of lines that begin with "- ". */
SP_MUST_CHECK int
client_file_add(struct sp_view text, const char *id, const char *scopes,
                struct sp_buf *out);

/* Writes the text without the client, and without the comment lines right above
 * it. 0, SP_ELIMIT, SP_EUNKNOWN (no such client) or SP_EFORMAT as above. */
SP_MUST_CHECK int
client_file_remove(struct sp_view text, const char *id, struct sp_buf *out);

#endif
