/* The hub's certificate: read at the beginning, and anew on SIGHUP. */
#ifndef KHUB_NET_TLS_FILES_H
#define KHUB_NET_TLS_FILES_H

struct server;

/* Reads the files, if there is to be TLS, and makes server->tls. 0, or -1 after a sentence on
 * stderr. */
int tls_files_load(struct server *server);
/* Says on console and log what the hub's certificate is known by. */
void tls_files_tell(struct server *server);
/* Reads the files anew, for the connections that come from now on; when they are not good, the hub
 * goes on with what it has, and says so. */
void tls_files_reload(struct server *server);

#endif
