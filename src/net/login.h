/* Who is let in by a hub that gave out tokens (auth/), and what it costs to show a wrong one.
 *
 * A refusal is held back for a while, longer with each from the same address; the connection waits
 * without a name, and nothing of it is read. An address with too many that wait is told to come
 * later, whatever it shows. Whoever shows a good one waits for nobody. */
#ifndef KHUB_NET_LOGIN_H
#define KHUB_NET_LOGIN_H

#include "core/hub.h"
#include "net/bounds.h"
#include "wire/address.h"

struct connection;
struct endpoint;
struct server;
struct tokens;

struct stranger {
    struct origin origin;
    uint32_t failures; /* wrong tokens, the last one not long ago; 0: nobody's place */
    uint32_t held;     /* refusals that are held back just now */
    uint64_t at;       /* loop time of the last failure */
};

struct login {
    struct tokens *tokens;                    /* NULL: none was ever given out */
    struct stranger strangers[STRANGERS_MAX]; /* those who failed last */
    int64_t next_expiry;                      /* unix time in ms at which a token expires */
    bool again;                               /* somebody joined who showed no token: look again */
    bool shown;                               /* a secret may lie in the read buffer */
    bool failing;                             /* tokens.db can't be read: as it was said last */
    bool unaudited;                           /* audit.db can't be written: likewise */
    uint64_t refused;                         /* ever */
    uint64_t said, said_at; /* how many of them the log knows of, and when it was told */
};

/* Opens the tokens of options.data, and the audit. 0, or -1 with a sentence. */
int login_open(struct server *server, char *ret_why, size_t size);
/* 0, or -1 when not all of the audit could be written. */
int login_close(struct server *server);
/* Does the hub ask everybody for a token? */
bool login_asks(const struct server *server);
/* The hub's question (struct hub_edge). */
int login_let_in(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
                 struct refusal *ret_refusal);
/* May who showed that token enter this room as well? The same. */
bool login_may_enter(void *ctx, peer_id peer, struct slice room);
/* What that token sets. The same. */
bool login_quota_of(void *ctx, struct slice owner, struct quota *ret_quota);
/* Once a second: closes connections whose token is no longer good, tells the hub when what
 * one is good for has changed, and sees to the audit. Not within a call of the hub. */
void login_review(struct server *server);
/* Tells the log how many were refused, once in a while. */
void login_note(struct server *server, const char *address);

/* How long the connection's refusal is held back: 0: not at all. */
uint64_t login_hold(struct connection *connection);
/* That is over. */
void login_release(struct connection *connection);

#endif
