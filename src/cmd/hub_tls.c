/* See hub_tls.h. */
#include "cmd/hub_tls.h"

#include <string.h>

#include "cmd/options.h"
#include "cmd/visit.h"
#include "tls/tls.h"

struct khub_tls hub_tls_chosen;
bool hub_token_open;

const struct khub_tls *hub_tls(void)
{
    const struct khub_tls *tls = &hub_tls_chosen;
    return tls->ca || tls->fingerprint || tls->cert || tls->key ? tls : NULL;
}

int hub_tls_check(const char *command, const char *address)
{
    const struct khub_tls *tls = hub_tls();
    uint8_t digest[TLS_DIGEST_SIZE];
    if (!tls)
        return 0;
    if (strncmp(address, "khubs://", 8) != 0)
        complain(command,
                 "--ca, --fingerprint, --cert and --key are for a hub at khubs://HOST:PORT, and "
                 "the hub is '%s'.",
                 address);
    else if (tls->ca && tls->fingerprint)
        complain(command, "--ca and --fingerprint both say how to know the hub: use one of them.");
    else if (tls->fingerprint && tls_fingerprint_parse(tls->fingerprint, digest) < 0)
        complain(command,
                 "--fingerprint is '%s': it must be sha256: and 64 hex digits, as 'khub cert' and "
                 "'khub serve' show it.",
                 tls->fingerprint);
    else if (!tls->cert != !tls->key)
        complain(command, "--cert and --key go together.");
    else
        return 0;
    return EXIT_USAGE;
}
