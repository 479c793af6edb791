/* sallyport token */
#include <stdio.h>
#include <stdlib.h>

#include "clients/sallyport/commands.h"
#include "clients/sallyport/gate.h"
#include "clients/sallyport/grant.h"

int
command_token(int argc, char **argv)
{
    struct gate gate = { .programs = NULL };
    struct grant_wish wish;
    struct grant_means means;
    struct sp_buf token = sp_buf_new(GRANT_TOKEN_MAX);
    int error = 0;

    if (grant_read_wish(argc, argv, &wish) != argc) {
        (void)fprintf(stderr, "usage: sallyport token " GRANT_OPTIONS "\n");
        return 2;
    }
    gate_open(&gate);
    grant_open(&gate, &wish, &means);
    error = grant_fetch(&gate, &wish, &means, &token);
    if (error == 0) {
        (void)printf("%.*s\n", SP_VIEW(sp_buf_view(&token)));
    }
    grant_close(&means);
    sp_buf_free(&token);
    gate_close(&gate);
    return error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
