/* application/x-www-form-urlencoded bodies, read strictly: what OAuth
 * endpoints take (RFC 6749 appendix B). */
#ifndef SP_SERVICES_AUTH_OAUTH_FORM_H
#define SP_SERVICES_AUTH_OAUTH_FORM_H

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

/* Far above what any grant needs. */
#define FORM_MAX_BYTES 16384
#define FORM_MAX_FIELDS 32

struct form_field {
    struct sp_view name;
    struct sp_view value;
};

/* Views point into `text`, which holds everything decoded. */
struct form {
    struct form_field fields[FORM_MAX_FIELDS];
    size_t count;
    struct sp_buf text;
};

struct form
form_new(void);

/* Wipes what was decoded: it may hold secrets. */
void
form_free(struct form *form);

/* Reads `body`. 0, SP_EFORMAT (a bad escape, an unescaped control or non-ASCII
 * byte, a decoded control byte, a field without name or '='), SP_EDUPLICATE (a
 * name twice, RFC 6749 section 3.2), SP_ELIMIT. */
SP_MUST_CHECK int
form_parse(struct form *form, struct sp_view body);

/* The value; empty where the field is absent: RFC 6749 section 3.2 wants both
 * treated alike. */
struct sp_view
form_get(const struct form *form, const char *name);

/* Appends `text` with its escapes decoded. 0, SP_EFORMAT or SP_ELIMIT. */
SP_MUST_CHECK int
form_decode(struct sp_view text, struct sp_buf *out);

#endif
