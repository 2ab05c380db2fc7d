/* Who calls at a door: by the token that a request shows.
 *
 * The hub alone judges tokens. Of one that is shown for the first time a link asks it, by the hello
 * of an observer, and what it said is remembered for a while; of the token a keyed hash is kept,
 * and no more. Who shows none is asked about likewise: a hub without tokens lets him in. The
 * gateway's own token stands for nobody else, unless it was said that it does.
 *
 * The hub has refusals wait, by address, and sees the gateway's alone. So few questions are asked
 * at once, for one caller's address fewer, those first that have shown no wrong token; and who is
 * known waits for nobody. */
#ifndef KHUB_GATEWAY_CALLERS_H
#define KHUB_GATEWAY_CALLERS_H

#include "gateway/http_server.h"
#include "khub.h"

struct callers;

struct callers_options {
    /* The gateway's own link, by which questions are asked under other tokens. What it points to,
     * but for the token, must outlive the callers. */
    const struct khub_options *link;
    bool shares; /* who shows nothing is let in by the gateway's token, and certificate */
    bool open;   /* who is of another machine is let in at a hub without tokens, too */
};

/* options are copied. NULL: out of memory. */
struct callers *callers_new(uv_loop_t *loop, const struct callers_options *options);
/* After the HTTP server was closed, so that no request waits here. Freed by the loop, later. NULL
 * is fine. */
void callers_close(struct callers *callers);

enum caller_right {
    CALLER_COMES,    /* the hub lets it in, be it in other rooms, or under other names */
    CALLER_OBSERVES, /* and in the gateway's room it may look on */
};
/* Hands the request to `handler`, now or later, if who shows that token has the right; else it is
 * answered here: 401, 403, 429 or 503. Of another machine nobody has any at a hub that asks for no
 * tokens (protected mode), unless the callers are open. While the hub can't be asked, who is of
 * this machine, or was let in before, is taken at his word: whatever he wants of the hub, the hub
 * will judge. */
void callers_admit(struct callers *callers, struct http_request *request, enum caller_right right,
                   http_handler *handler);

/* ── of a request that was admitted ── */

/* Equal for equal tokens; of one that shows none another than any token's. */
struct caller {
    uint8_t bytes[32];
    bool shows; /* a token */
};
struct caller callers_who(const struct callers *callers, const struct http_request *request);
/* Some hex digits that are the same for the same token, also by another gateway and after a
 * restart, and tell nothing of it; "" of who shows none. Written into buffer, which is returned. */
#define CALLER_NAME_SIZE 17u
const char *callers_name(const struct http_request *request, char buffer[CALLER_NAME_SIZE]);
/* In a time that tells nothing. */
bool caller_same(const struct caller *left, const struct caller *right);
/* Sets what a link of this caller's shows to the hub. *ret_token is what link->token points to, a
 * copy for callers_token_free; NULL: it shows none. False: out of memory. */
bool callers_link(const struct callers *callers, const struct http_request *request,
                  struct khub_options *link, char **ret_token);
void callers_token_free(char *token);
/* Sets how a link reaches the hub in which somebody's own words go: without the gateway's
 * certificate, unless that is shared, for it stands for its token. */
void callers_nobody(const struct callers *callers, struct khub_options *link);
/* Is who shows nothing let in by the hub as the gateway is? It shares its token, or has none. */
bool callers_need_show_nothing(const struct callers *callers);
/* The hub has refused it since: it is not admitted any more. */
void callers_refused(struct callers *callers, const struct caller *who);

/* ── what happened ── */

struct callers_counts {
    uint64_t admitted, refused, put_off, questions;
};
const struct callers_counts *callers_counts(const struct callers *callers);

#endif
