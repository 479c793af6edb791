/* The message table as a page. */
#include "clients/sallyport/schema_table.h"

#include <inttypes.h>

#include "proto/message.h"

static void
write_field(const struct sp_field *field, struct sp_buf *out)
{
    static const char *const units[] = {
        [SP_FIELD_STR] = "text",
        [SP_FIELD_BIN] = "bytes",
        [SP_FIELD_UINT] = "number",
        [SP_FIELD_BOOL] = "yes or no",
    };

    (void)sp_buf_addf(out, "| %s | %s | ", field->name, units[field->type]);
    if (field->type == SP_FIELD_BOOL) {
        (void)sp_buf_add_str(out, "| |\n");
        return;
    }
    (void)sp_buf_addf(out, "%" PRIu64 " | %" PRIu64 " |\n", field->min,
                      field->max);
}

static void
write_message(const struct sp_message_info *info, struct sp_buf *out)
{
    size_t count = 0;
    const struct sp_route *routes = sp_route_all(&count);
    const char *separator = "";

    (void)sp_buf_addf(out, "\n## %d %s\n\n", (int)info->id, info->name);
    for (size_t i = 0; i < count; i++) {
        if (routes[i].message == info->id) {
            (void)sp_buf_addf(out, "%s%s to %s", separator,
                              sp_service_name(routes[i].from),
                              sp_service_name(routes[i].to));
            separator = ", ";
        }
    }
    (void)sp_buf_add_str(out, "\n\n| field | type | least | most |\n"
                              "|---|---|---|---|\n");
    for (size_t i = 0; i < info->field_count; i++) {
        write_field(&info->fields[i], out);
    }
}

static void
write_links(struct sp_buf *out)
{
    (void)sp_buf_add_str(out, "\n## Links\n\n"
                              "Sender in the row, receiver in the column. A "
                              "pair without a mark has no link.\n\n| |");
    for (int to = 0; to < SP_SERVICE_COUNT; to++) {
        (void)sp_buf_addf(out, " %s |",
                          sp_service_name((enum sp_service_id)to));
    }
    (void)sp_buf_add_str(out, "\n|---|---|---|---|---|---|---|---|\n");
    for (int from = 0; from < SP_SERVICE_COUNT; from++) {
        (void)sp_buf_addf(out, "| %s |",
                          sp_service_name((enum sp_service_id)from));
        for (int to = 0; to < SP_SERVICE_COUNT; to++) {
            (void)sp_buf_add_str(out, sp_link_exists((enum sp_service_id)from,
                                                     (enum sp_service_id)to)
                                          ? " x |"
                                          : " |");
        }
        (void)sp_buf_add_str(out, "\n");
    }
}

void
schema_table_write(struct sp_buf *out)
{
    size_t count = 0;
    const struct sp_message_info *all = sp_message_all(&count);

    (void)sp_buf_add_str(
        out, "# Messages\n\n"
             "Made by `sallyport schema` from proto/schema.h, the only place "
             "where a message\nexists. What each field means stands there. A "
             "message is a msgpack array of its\nfields in this order; least "
             "and most are bytes of text and bytes, values of\nnumbers. "
             "Anything else is refused and counted.\n");
    for (size_t i = 0; i < count; i++) {
        write_message(&all[i], out);
    }
    write_links(out);
}
