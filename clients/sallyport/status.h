/* The replicas of a gate and how they are. The current directory is
 * $SP_STATE. */
#ifndef SP_CLIENTS_SALLYPORT_STATUS_H
#define SP_CLIENTS_SALLYPORT_STATUS_H

struct status_table;

/* The replicas of the native supervisor, or where another one runs the gate
 * those that the monitor has heard of within the last seconds. */
void
status_gather(struct status_table *ret_table);

#endif
