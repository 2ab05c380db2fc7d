/* Which token a command shows to a hub. Never one of its arguments: those everybody on the machine
 * can read. */
#ifndef KHUB_CMD_TOKEN_CHOICE_H
#define KHUB_CMD_TOKEN_CHOICE_H

#include <stddef.h>

#include "auth/token.h"

#define TOKEN_CHOICE_WHY_SIZE 512u

/* The token in `file`, if one was named; else that of $KHUB_TOKEN; else that of the file
 * khub/tokens/ADDRESS in $XDG_CONFIG_HOME or ~/.config, where ADDRESS is host:port as `address` has
 * it, or unix: and the path with each / as %2F. 0, ret_text "" when there is none; or -1 with a
 * sentence: a file that others may read, or what is written there is no token. $KHUB_TOKEN is
 * taken out of the environment, and remembered here. The caller wipes ret_text (token_wipe). */
int token_choose(const char *address, const char *file, char ret_text[TOKEN_TEXT_SIZE],
                 char ret_why[TOKEN_CHOICE_WHY_SIZE]);

#endif
