/* A2A 0.3, which names things otherwise (a2a_old.c). */
#ifndef KHUB_GATEWAY_A2A_OLD_H
#define KHUB_GATEWAY_A2A_OLD_H

#include <jansson.h>

/* A Message of 1.0 as 0.3 writes it. Owned; NULL: out of memory. */
json_t *a2a_old_message(const json_t *message);
/* The same for its HTTP+JSON, where all is written as for gRPC. */
json_t *a2a_old_bare_message(const json_t *message);
/* What an agent of 0.3 says, under the name that 1.0 has for it ("task", "message", "statusUpdate",
 * "artifactUpdate"), becomes what 1.0 says. */
void a2a_old_read(json_t *event);

#endif
