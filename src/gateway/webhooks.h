/* POSTs to addresses that clients name. Who names one could have us knock where he can't reach
 * himself: so only public addresses are connected to, unless they were allowed, and that is judged
 * where a connection is made, of the very address that it goes to, whatever a name meant before. No
 * redirect is followed, and no proxy asked. Without TLS only this machine is spoken to. */
#ifndef KHUB_GATEWAY_WEBHOOKS_H
#define KHUB_GATEWAY_WEBHOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <uv.h>

struct webhooks;
struct webhook;

/* Is libcurl there? */
bool webhooks_possible(void);
/* allowed: addresses and networks ("127.0.0.1", "10.0.0.0/8", "fd00::/8"), ended by NULL, that are
 * no public ones and may be posted to all the same; must outlive them; NULL: none. NULL: libcurl is
 * not there, or out of memory. */
struct webhooks *webhooks_new(uv_loop_t *loop, const char *const *allowed);
/* What waits is let go. Freed by the loop, later. NULL is fine. */
void webhooks_close(struct webhooks *webhooks);
/* Is it such a network? */
bool webhooks_network_good(const char *network);
/* Why nothing can be posted there, as far as the URL says; NULL: it can. */
const char *webhooks_fault(const struct webhooks *webhooks, const char *url);
/* May a connection go there? plain: without TLS. */
bool webhooks_permit(const struct webhooks *webhooks, const struct sockaddr *address, bool plain);

/* Somewhere to post to: one POST at a time, in order; each is tried three times. headers: lines,
 * ended by NULL; copied. NULL: out of memory. */
struct webhook *webhook_new(struct webhooks *webhooks, const char *url, const char *const *headers);
/* body is copied. Of too many that wait the oldest is let go. */
void webhook_post(struct webhook *webhook, const char *body);
/* What waits is let go. NULL is fine. */
void webhook_end(struct webhook *webhook);

#endif
