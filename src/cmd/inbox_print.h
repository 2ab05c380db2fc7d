/* An inbox as an AI reads it: few tokens, and no doubt about who says what. Every line of a
 * message's own text has "| " in front of it, or is JSON behind "+ "; what begins otherwise is
 * khub's. */
#ifndef KHUB_CMD_INBOX_PRINT_H
#define KHUB_CMD_INBOX_PRINT_H

#include "cmd/inbox.h"

#define TOKEN_BYTES 4u /* of a token, as they are estimated here */

struct inbox_look {
    size_t most;   /* messages, of both kinds together */
    size_t tokens; /* at the most; a first message that is longer is cut */
    bool json;     /* all of one item at the least, and nothing is cut */
    bool whole;    /* nothing is cut, however long */
};

/* Chooses what fits, and passes over what does not. */
void inbox_choose(struct inbox *inbox, const struct inbox_look *look);
/* Prints what was chosen, and about the rest; of a member that was told of all up to `told`. */
void inbox_print(const struct inbox *inbox, const struct inbox_look *look, uint64_t told,
                 FILE *out);
/* How many messages it counted and does not show, */
size_t inbox_rest(const struct inbox *inbox);
/* and which: "9 chat of 3, 3 pattern_share". */
void inbox_add_rest(const struct inbox *inbox, struct text *text);
/* A name as it stands in such a line: bare, or, if it could be taken for something else, quoted as
 * JSON. */
void text_add_name(struct text *text, struct slice name);

#endif
