/* Resolving the URI references of $id and $ref (RFC 3986 section 5). Nothing
 * is ever fetched: the result only names a place in the same document. */
#ifndef SP_SERVICES_VALIDATION_SCHEMA_URI_H
#define SP_SERVICES_VALIDATION_SCHEMA_URI_H

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

/* Splits at the first '#'. The fragment is empty where there is none. */
void
uri_split_fragment(struct sp_view uri, struct sp_view *ret_uri,
                   struct sp_view *ret_fragment);

/* Appends `reference`, which has no fragment, resolved against `base`. 0 or
 * SP_ELIMIT. */
SP_MUST_CHECK int
uri_resolve(struct sp_view base, struct sp_view reference, struct sp_buf *out);

/* Appends `text` with %XX decoded. 0, SP_EFORMAT or SP_ELIMIT. */
SP_MUST_CHECK int
uri_decode(struct sp_view text, struct sp_buf *out);

#endif
