/* The version of all programs. */
#ifndef SP_COMMON_BASE_VERSION_H
#define SP_COMMON_BASE_VERSION_H

#define SP_VERSION "0.1.0"

#endif
