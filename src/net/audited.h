/* What the loop tells the audit (auth/audit.h): who came with which token, who was refused, who
 * went. */
#ifndef KHUB_NET_AUDITED_H
#define KHUB_NET_AUDITED_H

#include "core/hub.h"

struct connection;
struct server;

/* Acts of entries that a recovery applied. */
struct acts_again {
    struct act_again *at;
    size_t count, capacity;
};

/* Whom a token let in; what the audit says of the connection from then on. */
struct admitted {
    struct slice bytes; /* owned: what these are parts of */
    struct slice token, ai_id, room;
};

/* The connection showed that token, which lets it in. */
void audited_login(struct connection *connection, const char *token, const struct hub_login *login);
/* It was refused; token: the one that it showed, if it was good, but not for that. Counted. */
void audited_refusal(struct connection *connection, const char *token,
                     const struct hub_login *login, const struct refusal *refusal);
/* It ends. Nothing, unless it was let in. */
void audited_end(struct connection *connection, enum close_reason reason);
/* Something of it was refused that is everybody's concern. Counted. */
void audited_warning(struct connection *connection, const char *what, struct slice detail);

/* Once a second: hands on what was counted, and says when the audit can't be written. */
void audited_review(struct server *server, int64_t now);

/* An admin's act in an entry that a recovery applies: the audit may lack it. */
void audited_act_again(struct server *server, const struct hub_act *act);
/* The recovery is over: the audit is told of those that it lacks. */
void audited_make_up(struct server *server);

/* NULL is fine. */
void admitted_free(struct admitted *admitted);

#endif
