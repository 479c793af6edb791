/* docs/MESSAGES.md, from the rows of proto/schema.h. */
#ifndef SP_CLIENTS_SALLYPORT_SCHEMA_TABLE_H
#define SP_CLIENTS_SALLYPORT_SCHEMA_TABLE_H

#include "common/text/buf.h"

#define SCHEMA_TABLE_MAX 65536

/* Appends the whole page in Markdown. */
void
schema_table_write(struct sp_buf *out);

#endif
