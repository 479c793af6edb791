/* The refusal of a caller whose token lacks a scope. */
#ifndef SP_SERVICES_VALIDATION_SCOPE_H
#define SP_SERVICES_VALIDATION_SCOPE_H

#include "common/base/view.h"
#include "services/validation/verdict.h"

/* 403 with the challenge that names a client which scope to ask for (RFC 6750
 * section 3.1, RFC 9728 section 5.1). `url` is the gate's own, `path` that of
 * the request. Returns SP_EDENIED. */
int
scope_refuse(struct verdict *verdict, struct sp_view path, const char *url,
             const char *scope);

#endif
