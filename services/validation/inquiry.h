/* One request as the examination sees it. */
#ifndef SP_SERVICES_VALIDATION_INQUIRY_H
#define SP_SERVICES_VALIDATION_INQUIRY_H

#include "common/base/view.h"

/* Views live as long as the message. */
struct inquiry {
    struct sp_view method;
    struct sp_view path;
    struct sp_view headers;
    struct sp_view body;
    struct sp_view scopes; /* of the caller, space separated */
};

#endif
