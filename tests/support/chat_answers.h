/* Messages as models answer with them, in the dialects of real servers and of
 * generous size: what llm and validation hand out, validation takes back. */
#ifndef SP_TESTS_SUPPORT_CHAT_ANSWERS_H
#define SP_TESTS_SUPPORT_CHAT_ANSWERS_H

#include <stdio.h>
#include <string.h>

#include "common/base/compiler.h"

#define CHAT_ANSWER_MAX 65536
/* Where a message has '%', a text of this many bytes stands. */
#define CHAT_ANSWER_LONG 281

#define CALLS_OF(members) "\"role\":\"assistant\",\"content\":null," members
#define CALL(id, type, more)                                                   \
    "{\"id\":\"" id "\",\"type\":\"" type "\"," more "}"

static const char *const chat_answers[] = {
    "\"role\":\"assistant\",\"content\":\"%\"",
    "\"role\":\"assistant\",\"content\":\"\"",
    "\"role\":\"assistant\",\"content\":null",
    "\"role\":\"assistant\"",
    "\"role\":\"assistant\",\"content\":[]",
    "\"role\":\"model\",\"content\":\"x\"",
    "\"role\":\"assistant\",\"content\":null,\"refusal\":\"%\"",
    "\"role\":\"assistant\",\"content\":\"x\",\"refusal\":null,"
    "\"tool_calls\":[],\"annotations\":[],\"audio\":null,"
    "\"function_call\":null",
    "\"role\":\"assistant\",\"content\":\"x\",\"tool_calls\":null",
    "\"role\":\"assistant\",\"content\":\"x\",\"annotations\":[{\"type\":"
    "\"url_citation\",\"url_citation\":{\"url\":\"http://a.example/\","
    "\"title\":\"%\",\"start_index\":0,\"end_index\":9}}]",
    "\"role\":\"assistant\",\"content\":null,\"audio\":{\"id\":\"audio_%\","
    "\"data\":\"AAAA\",\"expires_at\":1,\"transcript\":\"%\"}",
    /* Tool calls: long ids and names, odd types, arguments that are none. */
    CALLS_OF("\"tool_calls\":[" CALL(
        "%", "function",
        "\"function\":{\"name\":\"%\",\"arguments\":\"{}\"}") "]"),
    CALLS_OF("\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":null,"
             "\"function\":{\"name\":\"f\",\"arguments\":{\"url\":"
             "\"http://a.example/\"}}}]"),
    CALLS_OF("\"tool_calls\":[{\"id\":null,\"function\":{\"name\":\"f\"}}]"),
    CALLS_OF("\"tool_calls\":[{\"id\":7,\"type\":\"function\",\"function\":"
             "{\"name\":\"f\",\"arguments\":null},\"extra_content\":"
             "{\"google\":{\"thought_signature\":\"%\"}}}]"),
    CALLS_OF("\"tool_calls\":[" CALL(
        "c", "custom", "\"custom\":{\"name\":\"%\",\"input\":\"%\"}") "]"),
    CALLS_OF("\"function_call\":{\"name\":\"%\",\"arguments\":\"%\"}"),
    /* Thinking, under each of its names. */
    "\"role\":\"assistant\",\"content\":\"x\",\"reasoning\":\"%\"",
    "\"role\":\"assistant\",\"content\":\"x\",\"reasoning\":{\"text\":\"%\"}",
    "\"role\":\"assistant\",\"content\":\"x\",\"reasoning_content\":\"%\"",
    "\"role\":\"assistant\",\"content\":\"x\",\"reasoning_details\":[{\"type\":"
    "\"reasoning.encrypted\",\"data\":\"%\",\"index\":0}]",
    "\"role\":\"assistant\",\"content\":\"x\",\"thinking_blocks\":[{\"type\":"
    "\"thinking\",\"thinking\":\"%\",\"signature\":\"%\"}]",
    "\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":"
    "[{\"type\":\"text\",\"text\":\"%\"}]},{\"type\":\"text\",\"text\":\"%\","
    "\"annotations\":[{\"url\":\"http://a.example/\"}]},{\"type\":"
    "\"reference\",\"reference_ids\":[1]}]",
    "\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\","
    "\"name\":\"f\",\"input\":{\"url\":\"http://a.example/\"}}]",
    /* What nobody has named yet. */
    "\"role\":\"assistant\",\"content\":\"x\",\"images\":[{\"type\":"
    "\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}}]",
    "\"role\":\"assistant\",\"content\":\"x\",\"provider_specific_fields\":"
    "{\"a\":[[[[{\"b\":null}]]]],\"grounding\":[{\"uri\":\"http://x/\"}]}",
    "\"role\":\"assistant\",\"content\":\"x\",\"new_thing\":1e999,\"\":[],"
    "\"\\u00e9\":false",
};

/* The message, an object, with long texts. Returns `out`. */
static inline const char *
chat_answer_text(const char *members, char out[CHAT_ANSWER_MAX])
{
    char *to = out;

    *to++ = '{';
    for (const char *at = members; *at != '\0'; at++) {
        if (*at == '%') {
            memset(to, 'x', CHAT_ANSWER_LONG);
            to += CHAT_ANSWER_LONG;
        } else {
            *to++ = *at;
        }
    }
    *to++ = '}';
    *to = '\0';
    return out;
}

#undef CALLS_OF
#undef CALL

#endif
