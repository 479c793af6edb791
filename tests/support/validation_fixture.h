/* The shipped tools and limits behind an examiner, for the tests of the
 * validation service. Run from the root of the repository. */
#ifndef SP_TESTS_SUPPORT_VALIDATION_FIXTURE_H
#define SP_TESTS_SUPPORT_VALIDATION_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "common/base/error.h"
#include "services/validation/examine.h"

#define ALL_SCOPES "customer:read ticket:create account:calculate llm:chat"
#define LEGACY_HEADERS                                                         \
    "content-type: application/json\n"                                         \
    "accept: application/json, text/event-stream\n"
#define MODERN_HEADERS LEGACY_HEADERS "mcp-protocol-version: 2026-07-28\n"
#define META                                                                   \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":"                  \
    "\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}}"

struct gate {
    struct validation_config *config;
    struct sp_catalogue *catalogue;
    struct toolbox *toolbox;
    struct schema_checker *checker;
    struct examiner *examiner;
    struct verdict verdict;
    char headers[8192]; /* of the answer, as text */
    char body[16384];
};

void
gate_open_with(struct gate *g, const char *directory);

void
gate_open(struct gate *g);

void
gate_close(struct gate *g);

int
gate_ask(struct gate *g, const struct sp_call *call);

/* POST /mcp with these headers and this body. */
int
gate_post(struct gate *g, const char *headers, const char *body);

#endif
