/* The tool catalogue, deploy/config/tools.yaml: read by validation (schemas and
 * rights) and by tools (what to run). One rule, sp_catalogue_allows(), decides
 * both what a caller may call and what its lists show. */
#ifndef SP_COMMON_STAGE_CATALOGUE_H
#define SP_COMMON_STAGE_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

/* How tools runs a tool. */
enum sp_tool_run {
    SP_RUN_SQL,
    SP_RUN_TICKET,
    SP_RUN_ACCOUNT_VALUE,
    SP_RUN_COUNT,
};

/* One declared tool. All texts live as long as the catalogue. */
struct sp_tool {
    const char *name;  /* 1-128 of [A-Za-z0-9_.-] */
    const char *title; /* or NULL */
    const char *description;
    const char *scope;         /* the scope a caller must have; never empty */
    const char *input_schema;  /* JSON text, checked at load, type "object" */
    const char *output_schema; /* JSON text or NULL */
    enum sp_tool_run run;
    const char *query;   /* SQL with :named parameters, or NULL */
    uint64_t cost;       /* estimated cost units, for limits */
    bool changes;        /* has effects: never run twice for one request */
    bool read_only_hint; /* published annotations (MCP) */
    bool destructive_hint;
    bool idempotent_hint;
    bool open_world_hint;
};

struct sp_catalogue;

/* Loads and checks `directory`/tools.yaml. 0, or SP_ECONFIG with a sentence in
 * `why`. */
SP_MUST_CHECK int
sp_catalogue_load(const char *directory, struct sp_catalogue **ret_catalogue,
                  struct sp_buf *why);

void
sp_catalogue_free(struct sp_catalogue **catalogue);

/* Writes "DIRECTORY/tools.yaml:LINE: tools[I].`key` (NAME): " to `why`, for a
 * sentence about the tool's key. */
void
sp_catalogue_place(const struct sp_catalogue *catalogue,
                   const struct sp_tool *tool, const char *key,
                   struct sp_buf *why);

/* Tools in the order of the file. */
size_t
sp_catalogue_count(const struct sp_catalogue *catalogue);

const struct sp_tool *
sp_catalogue_at(const struct sp_catalogue *catalogue, size_t i);

/* The tool of this exact name, or NULL. */
const struct sp_tool *
sp_catalogue_find(const struct sp_catalogue *catalogue, struct sp_view name);

/* True where a caller with these scopes (space separated) may see and call the
 * tool. A NULL tool is never allowed. */
bool
sp_catalogue_allows(const struct sp_tool *tool, struct sp_view scopes);

#endif
