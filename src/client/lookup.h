/* A host's name, looked up beside the loop: the resolver blocks for seconds where a network is
 * away, and knows no other way. Each look-up has a thread of its own, which ends with it. */
#ifndef KHUB_CLIENT_LOOKUP_H
#define KHUB_CLIENT_LOOKUP_H

#include "client/bounds.h"
#include "wire/address.h"

struct lookup;

/* Begins. 0, or -1 when there is no memory, descriptor or thread for it. */
int lookup_begin(const struct address *address, struct lookup **ret_lookup);
/* Readable once it has ended. */
int lookup_fd(const struct lookup *lookup);
/* Whether it has ended; then *ret_fault is 0 and the endpoints are there, or an EAI_… and
 * *ret_why a sentence, static. */
bool lookup_take(const struct lookup *lookup, struct endpoint ret_endpoints[ENDPOINTS_MAX],
                 size_t *ret_count, int *ret_fault, const char **ret_why);
/* Waits for nothing: of thread and owner the last one frees it. NULL is fine. */
void lookup_drop(struct lookup *lookup);

#endif
