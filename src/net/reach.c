#include "net/reach.h"

#include <string.h>

#include "net/state.h"

/* Only this machine has such an address. A name may stand for any, but for localhost. */
static bool is_local(const char *text)
{
    struct address address;
    struct endpoint endpoint;
    size_t count;
    const char *why;
    if (address_parse(text, &address, &why) < 0)
        return true; /* nothing will be listened on */
    if (address.local || strcmp(address.host, "localhost") == 0)
        return true;
    return !address_is_name(&address) &&
           address_resolve(&address, AI_PASSIVE | AI_NUMERICHOST, 1, &endpoint, &count, &why) ==
               0 &&
           endpoint_is_local(&endpoint);
}

static bool is_on_network(const struct server *server)
{
    bool network = false;
    for (size_t i = 0; i < server->listener_count; i++)
        network |= !endpoint_is_local(&server->listeners[i].endpoint);
    for (size_t i = 0; i < server->options.listen_count; i++)
        network |= !is_local(server->options.listen[i]);
    return network;
}

void reach_tell(struct server *server)
{
    bool network = is_on_network(server), insecure = server->options.insecure;
    bool asks = login_asks(server);
    const struct tls_server_files *tls = &server->options.tls;
    bool carries = insecure || tls->cert; /* somebody's token may come from afar */
    const char *by = !network          ? "machine"
                     : asks && carries ? "token"
                     : insecure        ? "everyone"
                                       : "protected";
    const char *said =
        !network ? asks ? "Only this machine can reach this hub, and is asked for a token."
                        : "Only this machine can reach this hub."
        : asks && insecure
            ? "Everyone on the network can connect to this hub, and is asked for a token; nobody "
              "need encrypt (--insecure)."
        : asks && carries
            ? "Everyone on the network can connect to this hub over TLS, and is asked for a token."
        : insecure && tls->cert
            ? "Everyone on the network can reach this hub, and whoever does is in (--insecure): "
              "nothing is asked, and nobody need encrypt."
        : insecure ? "Everyone on the network can reach this hub, and whoever does is in "
                     "(--insecure): nothing is asked, nothing is encrypted."
        : tls->client_ca
            ? "Everyone on the network can connect to this hub; of other machines it "
              "takes who shows, over TLS, a certificate that --tls-client-ca vouches "
              "for."
            : "Everyone on the network can connect to this hub, but it takes only peers of "
              "its own machine (protected mode).";
    journal_begin(&server->journal, 0, "reachable");
    journal_text(&server->journal, "by", slice_of(by));
    journal_end(&server->journal);
    journal_say(&server->journal, "[hub] %s", said);
}
