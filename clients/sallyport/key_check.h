/* Looking at the keys in the state directory, which is the current one. */
#ifndef SP_CLIENTS_SALLYPORT_KEY_CHECK_H
#define SP_CLIENTS_SALLYPORT_KEY_CHECK_H

#include <stdint.h>

#include "clients/sallyport/finding.h"

/* Every file and directory below keys/: owner and permissions. */
void
key_check_permissions(struct findings *findings);

/* The certificates: their ends, their names, who signed. */
void
key_check_certificates(const char *host, int64_t now_s,
                       struct findings *findings);

/* Both ends of each link hold the same secrets, and so do all holders of a
 * shared key. */
void
key_check_links(struct findings *findings);

#endif
