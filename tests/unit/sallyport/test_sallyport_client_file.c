/* Changing the list of clients in auth.yaml. */
#include <criterion/criterion.h>
#include <string.h>

#include "clients/sallyport/client_file.h"
#include "clients/sallyport/files.h"
#include "common/base/compiler.h"
#include "common/base/error.h"

#define TEXT_MAX 65536

TestSuite(sallyport_client_file);

#define HEAD "# \xc3\xa4\xc3\xb6 before\nscopes:\n  - a\n  - b\n"
#define ONE                                                                    \
    "  # What is used\n  # by demo.\n  - id: demo\n    scopes:\n      - a\n"
#define TWO "  - {id: two, scopes: [a, b]}  # in one line\n"
#define THREE "  - id: three\n    scopes: [a,\n       b]\n"
#define NEW "  - id: new\n    scopes:\n      - a\n      - b\n"
#define TAIL "# after\nissuers: []\n"

static void
expect(int got, int want, const struct sp_buf *out, const char *text,
       const char *label)
{
    cr_expect_eq(got, want, "%s: got %d", label, got);
    if (want == 0) {
        cr_expect(sp_view_is(sp_buf_view(out), text), "%s: %.*s", label,
                  SP_VIEW(sp_buf_view(out)));
    }
}

Test(sallyport_client_file, adds_behind_the_last_and_keeps_the_rest)
{
    static const struct {
        const char *text;
        int want;
        const char *after;
    } rows[] = {
        { HEAD "clients:\n" ONE, 0, HEAD "clients:\n" ONE NEW },
        { HEAD "clients:\n" ONE TWO TAIL, 0,
          HEAD "clients:\n" ONE TWO NEW TAIL },
        { HEAD "clients:\n" THREE "\n" TAIL, 0,
          HEAD "clients:\n" THREE NEW "\n" TAIL },
        { "clients:\n- id: x\n  scopes: [a]", 0,
          "clients:\n- id: x\n  scopes: [a]\n"
          "- id: new\n  scopes:\n    - a\n    - b\n" },
        { HEAD "clients: []\n" TAIL, 0, HEAD "clients:\n" NEW TAIL },
        { "clients: [{id: x, scopes: [a]}]\n", SP_EFORMAT, "" },
        { "clients: [\n]\n", SP_EFORMAT, "" },
        { "clients: x\n", SP_EFORMAT, "" },
        { "clients:\n", SP_EFORMAT, "" },
        { "- clients\n", SP_EFORMAT, "" },
        { "clients: [\n", SP_EFORMAT, "" },
        { "", SP_EFORMAT, "" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf out = sp_buf_new(TEXT_MAX);
        int got = client_file_add(sp_view_of(rows[i].text), "new", "a b", &out);

        expect(got, rows[i].want, &out, rows[i].after, rows[i].text);
        sp_buf_free(&out);
    }
}

Test(sallyport_client_file, removes_one_with_its_comment)
{
    static const struct {
        const char *text;
        const char *id;
        int want;
        const char *after;
    } rows[] = {
        { HEAD "clients:\n" ONE TWO TAIL, "demo", 0,
          HEAD "clients:\n" TWO TAIL },
        { HEAD "clients:\n" TWO ONE TAIL, "demo", 0,
          HEAD "clients:\n" TWO TAIL },
        { HEAD "clients:\n" THREE ONE, "three", 0, HEAD "clients:\n" ONE },
        { HEAD "clients:\n" ONE TAIL, "demo", 0, HEAD "clients: []\n" TAIL },
        { HEAD "clients:\n" ONE, "dem", SP_EUNKNOWN, "" },
        { "clients: [{id: demo}]\n", "demo", SP_EFORMAT, "" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf out = sp_buf_new(TEXT_MAX);
        int got =
            client_file_remove(sp_view_of(rows[i].text), rows[i].id, &out);

        expect(got, rows[i].want, &out, rows[i].after, rows[i].text);
        sp_buf_free(&out);
    }
}

static void
note(void *arg, const char *id, const char *scopes)
{
    (void)sp_buf_addf(arg, "%s=%s;", id, scopes);
}

Test(sallyport_client_file, what_is_added_and_removed_leaves_the_shipped_file)
{
    struct sp_buf text = sp_buf_new(TEXT_MAX);
    struct sp_buf more = sp_buf_new(TEXT_MAX);
    struct sp_buf less = sp_buf_new(TEXT_MAX);
    struct sp_buf said = sp_buf_new(TEXT_MAX);

    cr_assert_eq(file_read("deploy/config/auth.yaml", &text), 0);
    cr_expect(client_file_has(sp_buf_view(&text), "demo"));
    cr_expect_not(client_file_has(sp_buf_view(&text), "new"));
    cr_assert_eq(
        client_file_add(sp_buf_view(&text), "new", " llm:chat  x ", &more), 0);
    cr_assert_eq(client_file_each(sp_buf_view(&more), note, &said), 0);
    cr_expect_not_null(memmem(said.data, said.len, ";new=llm:chat x;", 16));
    cr_assert_eq(client_file_remove(sp_buf_view(&more), "new", &less), 0);
    cr_expect(sp_view_equal(sp_buf_view(&less), sp_buf_view(&text)));
    sp_buf_free(&text);
    sp_buf_free(&more);
    sp_buf_free(&less);
    sp_buf_free(&said);
}
