/* The tokens that were given out, as `khub token list` shows them. */
#ifndef KHUB_CMD_TOKEN_LIST_H
#define KHUB_CMD_TOKEN_LIST_H

#include "auth/tokens.h"

/* Prints them, for people or as JSON. tokens: NULL when none was ever given out; place: the
 * directory. An exit code. */
int token_list(struct tokens *tokens, bool json, const char *place);

#endif
