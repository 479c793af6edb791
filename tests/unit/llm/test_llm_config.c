/* llm.yaml: what is shipped loads, what is wrong is refused with the mend. */
#include "services/llm/llm_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "common/base/error.h"
#include "common/base/view.h"
#include "common/text/buf.h"

#define UPSTREAM(name, kind, url)                                              \
    "upstream:\n  name: " name "\n  kind: " kind "\n  url: " url "\n"
#define MODELS "models: [a]\n"
#define LIMITS "limits: {calls: 1, answer_bytes: 4096, stream_bytes: 4096}\n"
#define TIMES "times: {connect_ms: 100, idle_ms: 100, total_ms: 100}\n"
#define REST MODELS LIMITS TIMES
#define PIN "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define GOOD UPSTREAM("a", "openai", "https://a.example/v1")

Test(llm_config, loads_what_is_shipped)
{
    struct sp_buf why = sp_buf_new(8192);
    struct llm_config *config = NULL;

    cr_assert_eq(llm_config_load("deploy/config", &config, &why), 0);
    cr_expect_str_eq(config->upstream.name, "ollama");
    cr_expect_eq(config->upstream.kind, LLM_OLLAMA);
    cr_expect_str_eq(config->upstream.url, "http://127.0.0.1:11434/v1");
    cr_expect_eq(llm_config_port(config), 11434);
    cr_expect_not(config->upstream.allow_http);
    cr_expect_null(config->upstream.ca_file);
    cr_expect_eq(config->models_count, 1);
    llm_config_release(&config);
    cr_expect_null(config);
    sp_buf_free(&why);
}

/* Loads the text: the error, and what it said in `said`. */
static int
load_text(const char *text, char *said, size_t size)
{
    char directory[] = "/tmp/sp-llm-XXXXXX";
    char path[64];
    struct llm_config *config = NULL;
    struct sp_buf why = sp_buf_new(8192);
    FILE *file = NULL;
    int error = 0;

    cr_assert_not_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/llm.yaml", directory);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
    error = llm_config_load(directory, &config, &why);
    llm_config_release(&config);
    sp_view_copy_text(said, size, sp_buf_view(&why));
    sp_buf_free(&why);
    (void)unlink(path);
    (void)rmdir(directory);
    return error;
}

static const struct {
    const char *text;
    const char *said; /* NULL: loads */
} files[] = {
    { GOOD REST, NULL },
    { UPSTREAM("a", "ollama", "http://[::1]:1/v1") REST, NULL },
    { UPSTREAM("a", "ollama", "http://localhost:1/v1") REST, NULL },
    { UPSTREAM("a", "other", "https://a.example/v1") REST,
      "llm.yaml:3: upstream.kind is 'other'; give one of openai, ollama" },
    { UPSTREAM("A", "openai", "https://a.example/v1") REST, "small letters" },
    { UPSTREAM("../x", "openai", "https://a.example/v1") REST,
      "small letters" },
    { UPSTREAM("passport", "openai", "https://a.example/v1") REST,
      "another name" },
    { UPSTREAM("a", "openai", "ftp://a.example/v1") REST, "http or https" },
    { UPSTREAM("a", "openai", "https://u:p@a.example/v1") REST,
      "without user" },
    { UPSTREAM("a", "openai", "https://a.example/v1/") REST,
      "without a slash" },
    { UPSTREAM("a", "openai", "https://a.example/v1?x=1") REST,
      "without a slash or query" },
    { UPSTREAM("a", "openai", "http://10.0.0.1/v1") REST, "allow_http" },
    { UPSTREAM("a", "openai", "http://10.0.0.1/v1") "  allow_http: true\n" REST,
      NULL },
    { UPSTREAM("a", "openai",
               "http://10.0.0.1/v1") "  allow_http: flase\n" REST,
      "llm.yaml:5: upstream.allow_http is 'flase'; give true or false" },
    { GOOD "  allow_http: ~\n" REST, "upstream.allow_http is '~'" },
    { UPSTREAM("A", "openai", "https://a.example/v1") REST,
      "llm.yaml:2: upstream.name " },
    { UPSTREAM("passport", "openai", "https://a.example/v1") REST,
      "llm.yaml:2: upstream.name " },
    { UPSTREAM("a", "openai", "ftp://a.example/v1") REST,
      "llm.yaml:4: upstream.url " },
    { UPSTREAM("A", "openai", "ftp://a.example/v1") REST,
      "llm.yaml:2: upstream.name " },
    { UPSTREAM("a", "openai", "http://10.0.0.1/v1") REST,
      "llm.yaml:4: upstream.url " },
    { GOOD "  ca_file: ca.pem\n" REST, "absolute path" },
    { GOOD "  ca_file: /nowhere/ca.pem\n" REST,
      "llm.yaml:5: upstream.ca_file is '/nowhere/ca.pem', which cannot be "
      "read: No such file or directory" },
    { GOOD "  ca_file: /proc/self\n" REST, "which is empty or no file" },
    { GOOD "  ca_file: /etc/hostname\n" REST, NULL },
    { GOOD "  pin_sha256: " PIN "\n" REST, NULL },
    { GOOD "  pin_sha256: " PIN ";" PIN "\n" REST, NULL },
    { GOOD "  pin_sha256: " PIN ";\n" REST, "llm.yaml:5: upstream.pin" },
    { GOOD "  pin_sha256: " PIN " " PIN "\n" REST, "several with ';'" },
    { GOOD "  pin_sha256: sha256//AAAA=\n" REST, "44 characters" },
    { GOOD "  pin_sha256: /etc/hostname\n" REST, "44 characters" },
    { GOOD "  pin_sha256: " PIN "=\n" REST, "44 characters" },
    { UPSTREAM("a", "ollama", "http://127.0.0.1/v1") "  pin_sha256: " PIN
                                                     "\n" REST,
      "protect nothing" },
    { UPSTREAM("a", "ollama",
               "http://127.0.0.1/v1") "  ca_file: /etc/hostname\n" REST,
      "protect nothing" },
    { GOOD "  key: sk-1\n" REST, "key" },
    { GOOD LIMITS TIMES, "models" },
    { GOOD "models: []\n" LIMITS TIMES,
      "models has 0 entries; give a list of 1 to 256" },
    { GOOD MODELS TIMES
      "limits: {calls: 0, answer_bytes: 4096, stream_bytes: 4096}\n",
      "limits.calls is 0; give a number from 1" },
    { GOOD MODELS LIMITS
      "times: {connect_ms: 100, idle_ms: 100, total_ms: 600001}\n",
      "times.total_ms" },
    { GOOD REST "other: 1\n", "other" },
    { "", "empty" },
};

Test(llm_config, refuses_what_is_wrong_and_names_the_mend)
{
    for (size_t i = 0; i < SP_COUNT(files); i++) {
        char said[1024];
        int error = load_text(files[i].text, said, sizeof(said));

        cr_expect_eq(error, files[i].said == NULL ? 0 : SP_ECONFIG,
                     "row %zu: %d %s", i, error, said);
        cr_expect(files[i].said == NULL || strstr(said, files[i].said) != NULL,
                  "row %zu: %s", i, said);
    }
}
