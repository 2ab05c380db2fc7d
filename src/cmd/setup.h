/* Clients of MCP, and what each wants in its configuration to start `khub mcp`, or to find it over
 * HTTP. */
#ifndef KHUB_CMD_SETUP_H
#define KHUB_CMD_SETUP_H

#include <jansson.h>
#include <limits.h>

#include "wire/text.h"

/* What a client runs at the end of a turn: a member "hooks" of a file of JSON. */
struct setup_hook {
    const char *project, *user; /* its file, as the client's; it may be the same one */
    const char *event;
    bool grouped;           /* {"hooks": [{"type", "command", "timeout"}]}, else {"command"} */
    bool milliseconds;      /* of its timeout */
    const char *background; /* the member that lets it wait beside the agent; NULL: there is none */
    const char *empty;      /* what such a file says at the least */
};

struct setup_client {
    const struct setup_hook *hook; /* NULL: it has none that is known */
    const char *id, *title;
    const char *project; /* its file in a project */
    /* Its file of the user's: in the directory that the variable names (NULL: none does), else in
     * that one of the home directory. user NULL: khub writes none. */
    const char *user, *user_variable, *user_home;
    const char *servers;               /* the member, or table, that holds the entries */
    bool toml;                         /* else JSON */
    const char *type_stdio, *type_url; /* its entry's "type"; NULL: it has none */
    const char *url;                   /* the member that holds an address */
    const char *token;           /* the member that names the token's variable; NULL: headers */
    const char *before, *behind; /* around a variable's name, where a header refers to it */
    const char *hint;            /* what is left for a person to do */
    const char *no_user;         /* why there is no `user` */
};

/* Ended by NULL. */
extern const char *const setup_client_ids[];
const struct setup_client *setup_client_find(const char *id);

/* What the entry should say. */
struct setup_wish {
    const char *name;
    const char *command;          /* of khub */
    json_t *arguments;            /* array of strings */
    const char *url, *token_name; /* over HTTP: in place of both; token_name NULL: no token */
    long wait_s;                  /* of the hook */
};

/* The entry, an object. NULL: no memory. */
json_t *setup_entry(const struct setup_client *client, const struct setup_wish *wish);

#define SETUP_WHY_SIZE 512u

enum setup_result { SETUP_DONE = 0, SETUP_ABSENT = 1, SETUP_REFUSED = -1 };

/* Sets the entry in the text of the client's file ("": a new one), or takes it away (entry NULL;
 * ABSENT: there is none). REFUSED after a sentence: the text is worth nothing then. */
enum setup_result setup_edit(const struct setup_client *client, const struct setup_wish *wish,
                             const json_t *entry, struct text *text, char ret_why[SETUP_WHY_SIZE]);
/* The arguments of khub mcp in khub's entry of that name, a new reference. NULL: there is none. */
json_t *setup_arguments(const struct setup_client *client, const struct setup_wish *wish,
                        struct slice text);
/* Sets the hook of the wish's arguments in the text of the hook's file ("": a new one), in the
 * place of one of the arguments `before` (NULL: there are none); or (not wanted) takes either away.
 * As setup_edit. */
enum setup_result setup_hook_edit(const struct setup_client *client, const struct setup_wish *wish,
                                  const json_t *before, bool wanted, struct text *text,
                                  char ret_why[SETUP_WHY_SIZE]);
/* Whether nothing is left that somebody could miss. */
bool setup_is_empty(const struct setup_client *client, struct slice text);

#endif
