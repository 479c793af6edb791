/* The gate that a command is about: its settings and its programs. */
#ifndef SP_CLIENTS_SALLYPORT_GATE_H
#define SP_CLIENTS_SALLYPORT_GATE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/process/settings.h"
#include "proto/message.h"

struct gate {
    struct sp_settings settings; /* state and config as absolute paths */
    char *programs;              /* directory of the programs */
};

/* Reads .env and the environment, and puts what it found back into the
 * environment, for the processes that the gate starts. Refuses by
 * sp_refuse(). */
void
gate_open(struct gate *gate);

void
gate_close(struct gate *gate);

/* Makes $SP_STATE where needed and goes there. Refuses by sp_refuse(). */
void
gate_make_state(const struct gate *gate);

/* Goes to $SP_STATE; refuses by sp_refuse() where there is none. */
void
gate_enter_state(const struct gate *gate);

/* The program of a service, or another one beside it; owned by the caller. */
char *
gate_program(const struct gate *gate, const char *name);

/* The host of an authority "host", "host:port" or "[v6]:port", without
 * brackets; owned by the caller. */
char *
gate_host(const char *authority);

/* Where a program of this machine reaches what listens on `host`. */
const char *
gate_local(const char *host);

/* A variable of the environment whose value is still a placeholder of
 * .env.example, or NULL. */
const char *
gate_placeholder(char *const *environment);

/* The configuration directory: SP_CONFIG's value where it is set, the one of
 * the source tree below `here`, or the installed one that belongs to
 * `programs`; owned by the caller, not checked further. */
char *
gate_config(const char *set, const char *here, const char *programs);

#endif
