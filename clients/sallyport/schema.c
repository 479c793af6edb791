/* sallyport schema */
#include <stdio.h>
#include <stdlib.h>

#include "clients/sallyport/commands.h"
#include "clients/sallyport/schema_table.h"

int
command_schema(int argc, char **argv)
{
    struct sp_buf page = sp_buf_new(SCHEMA_TABLE_MAX);
    int status = EXIT_FAILURE;

    (void)argv;
    if (argc != 0) {
        (void)fprintf(stderr, "usage: sallyport schema\n");
        return 2;
    }
    schema_table_write(&page);
    if (page.error == 0 && fwrite(page.data, 1, page.len, stdout) == page.len &&
        fflush(stdout) == 0) {
        status = EXIT_SUCCESS;
    }
    sp_buf_free(&page);
    return status;
}
