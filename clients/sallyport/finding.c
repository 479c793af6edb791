/* Lines of the doctor. */
#include "clients/sallyport/finding.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/compiler.h"

static void SP_PRINTF(2, 0)
    print(const char *word, const char *format, va_list args)
{
    (void)printf("%-4s ", word);
    (void)vprintf(format, args);
    (void)printf("\n");
}

void
finding_ok(struct findings *findings, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print("ok", format, args);
    va_end(args);
    findings->good++;
}

void
finding_bad(struct findings *findings, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print("FAIL", format, args);
    va_end(args);
    findings->bad++;
}
