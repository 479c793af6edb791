/* Making a gate's state, for `init` and for the first `run`. */
#ifndef SP_CLIENTS_SALLYPORT_INIT_H
#define SP_CLIENTS_SALLYPORT_INIT_H

struct gate;

/* Goes to $SP_STATE and makes what is missing there. Refuses by sp_refuse(). */
void
init_gate(const struct gate *gate);

#endif
