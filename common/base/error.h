/* Error values shared by all modules: 0 is success, errors are negative. */
#ifndef SP_COMMON_BASE_ERROR_H
#define SP_COMMON_BASE_ERROR_H

#define SP_ERRORS(E)                                                           \
    E(SP_ETRUNCATED, "input ends early")                                       \
    E(SP_EFORMAT, "input has the wrong form")                                  \
    E(SP_ELIMIT, "a limit is exceeded")                                        \
    E(SP_EVERSION, "unknown version")                                          \
    E(SP_EUNKNOWN, "unknown name or id")                                       \
    E(SP_EDENIED, "not allowed")                                               \
    E(SP_EAUTH, "authentication failed")                                       \
    E(SP_EEXPIRED, "expired")                                                  \
    E(SP_EFULL, "queue or buffer is full")                                     \
    E(SP_ENOPEER, "no peer is connected")                                      \
    E(SP_EDUPLICATE, "already present")                                        \
    E(SP_ECONFIG, "bad configuration")                                         \
    E(SP_EPERM, "file permissions are too wide")                               \
    E(SP_ESYSTEM, "a system call failed")                                      \
    E(SP_ECRYPTO, "a cryptographic operation failed")                          \
    E(SP_ESTORE, "the store failed")                                           \
    E(SP_EEMPTY, "the file is empty")                                          \
    E(SP_EOWNER, "the file belongs to another user")

enum sp_error {
    SP_OK = 0,
    SP_ERROR_FIRST = -1000,
#define SP_ERROR_ENUM(name, text) name,
    SP_ERRORS(SP_ERROR_ENUM)
#undef SP_ERROR_ENUM
};

/* A constant English text for an SP_E* value; never NULL. */
const char *
sp_strerror(int error);

/* As sp_strerror(), and of SP_ESYSTEM what errno says ("No such file or
 * directory"), to be called before errno changes. Lives until the next call. */
const char *
sp_error_reason(int error);

#endif
