/* sallyport audit verify */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/sallyport/commands.h"
#include "clients/sallyport/gate.h"
#include "common/audit/audit_verify.h"
#include "common/base/error.h"
#include "common/base/log.h"

#define KEY "keys/monitor/audit.key"
#define TRAIL "store/monitor/audit.log"

static int
report(const char *path, int error, const struct sp_audit_report *found)
{
    if (error == SP_ESYSTEM) {
        (void)fprintf(stderr, "sallyport: %s: %s\n", path, strerror(errno));
        return EXIT_FAILURE;
    }
    if (error == 0) {
        (void)printf("%s: whole, %" PRIu64 " records\n", path, found->records);
        return EXIT_SUCCESS;
    }
    (void)printf("%s: line %" PRIu64 ": %s; %" PRIu64 " good records before\n",
                 path, found->line, sp_audit_fault_text(found->fault),
                 found->records);
    return EXIT_FAILURE;
}

int
command_audit(int argc, char **argv)
{
    struct gate gate = { .programs = NULL };
    struct sp_audit_report found = { .line = 0 };
    struct sp_secret *key = NULL;
    char path[PATH_MAX] = TRAIL;
    int error = 0;

    if (argc < 1 || argc > 2 || strcmp(argv[0], "verify") != 0) {
        (void)fprintf(stderr, "usage: sallyport audit verify [FILE]\n");
        return 2;
    }
    if (argc == 2 && realpath(argv[1], path) == NULL) {
        sp_refuse("%s: %s", argv[1], strerror(errno));
    }
    gate_open(&gate);
    gate_enter_state(&gate);
    error = sp_secret_load_hex(KEY, SP_AUDIT_KEY_BYTES, &key);
    if (error != 0) {
        sp_refuse(KEY ": %s; the trail can only be checked with the key that "
                      "wrote it",
                  sp_error_reason(error));
    }
    error = sp_audit_verify(path, key, NULL, &found);
    sp_secret_free(&key);
    gate_close(&gate);
    return report(path, error, &found);
}
