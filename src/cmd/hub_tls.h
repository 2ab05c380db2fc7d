/* How a hub at a khubs:// address is to be known: --ca, --fingerprint, --cert and --key; and if one
 * that is not may be shown a token: --insecure. They stand beside every --hub, so they are the
 * process's: subcommands need not hand them on. */
#ifndef KHUB_CMD_HUB_TLS_H
#define KHUB_CMD_HUB_TLS_H

#include <stdbool.h>

#include "khub.h"

/* Filled by options_parse. */
extern struct khub_tls hub_tls_chosen;
extern bool hub_token_open; /* --insecure, for khub_options.token_open */

/* For khub_options.tls: NULL when nothing was said. */
const struct khub_tls *hub_tls(void);
/* 0, or EXIT_USAGE after a sentence: what was said does not go together, or not with the
 * address. */
int hub_tls_check(const char *command, const char *address);

#endif
