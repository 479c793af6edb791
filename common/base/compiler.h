/* The only place where compiler extensions are named. */
#ifndef SP_COMMON_BASE_COMPILER_H
#define SP_COMMON_BASE_COMPILER_H

/* The result says whether the call worked: a caller must look at it. */
#define SP_MUST_CHECK __attribute__((warn_unused_result))

/* Arguments from `first` on are checked against the format string. */
#define SP_PRINTF(index, first) __attribute__((format(printf, index, first)))

#define SP_NORETURN __attribute__((noreturn))

#define SP_UNUSED __attribute__((unused))

#define SP_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The struct that holds `member` at address `ptr`. */
#define SP_CONTAINER_OF(ptr, type, member)                                     \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
