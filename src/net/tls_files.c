/* See tls_files.h. */
#include "net/tls_files.h"

#include <stdio.h>

#include "net/io_tls.h"
#include "net/state.h"

int tls_files_load(struct server *server)
{
    char why[TLS_WHY_SIZE];
    if (!server->options.tls.cert)
        return 0;
    struct ssl_ctx_st *context =
        tls_server_context(&server->options.tls, server->fingerprint, why, sizeof why);
    if (!context) {
        fprintf(stderr, "khub: no TLS: %s\n", why);
        return -1;
    }
    server->tls = tls_edge_new(&server->loop, server->options.tls_shake_ms);
    tls_edge_use(server->tls, context);
    return 0;
}

static void tell(struct server *server, const char *event)
{
    journal_begin(&server->journal, 0, event);
    journal_text(&server->journal, "cert", slice_of(server->options.tls.cert));
    journal_text(&server->journal, "fingerprint", slice_of(server->fingerprint));
    journal_end(&server->journal);
    journal_say(&server->journal, "[hub] TLS with the certificate %s", server->fingerprint);
}

void tls_files_tell(struct server *server)
{
    if (server->tls)
        tell(server, "tls");
}

void tls_files_reload(struct server *server)
{
    char why[TLS_WHY_SIZE];
    if (!server->tls || server->stopping)
        return;
    struct ssl_ctx_st *context =
        tls_server_context(&server->options.tls, server->fingerprint, why, sizeof why);
    if (context) {
        tls_edge_use(server->tls, context);
        tell(server, "tls_reloaded");
        return;
    }
    journal_begin(&server->journal, 0, "warning");
    journal_text(&server->journal, "tls_not_reloaded", slice_of(why));
    journal_end(&server->journal);
    journal_say(&server->journal, "[hub] WARNING: TLS goes on with the former certificate: %s",
                why);
}
