/* Requests as they come in: what the HTTP library calls. */
#ifndef SP_SERVICES_EDGE_INTAKE_H
#define SP_SERVICES_EDGE_INTAKE_H

#include <stddef.h>

#include <microhttpd.h>

/* The request line has come; the result is the request. `cls` is the edge, here
 * and below. */
void *
intake_begin(void *cls, const char *uri, struct MHD_Connection *mhd);

/* The headers have come; bytes of the body have come; the request is whole; or
 * the connection was resumed. */
enum MHD_Result
intake_handle(void *cls, struct MHD_Connection *mhd, const char *url,
              const char *method, const char *version, const char *upload,
              size_t *upload_size, void **context);

/* The request has ended, well or not. */
void
intake_completed(void *cls, struct MHD_Connection *mhd, void **context,
                 enum MHD_RequestTerminationCode how);

#endif
