/* The first bytes of a connection to a hub that speaks TLS beside plain, and what follows them,
 * split anywhere: raw bytes of any kind, or those of a real client, with bytes put in or changed on
 * their way, and then what that says inside. Whatever comes: in the open it is handed on as it is;
 * of what began with TLS nothing is handed on but what the client has said inside, in its order,
 * and all of it if nobody was in between; and what it begins like depends on no split.
 *
 * HEAD bytes say how: flags, a seed for the splits (and how the hub answers), where on its way
 * something is changed, with what, and how many bytes of the rest are put in there. The rest is
 * what is said. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/io_tls.h"
#include "net/opening.h"
#include "tls/lab.h"
#include "tls/tls.h"
#include "wire/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD         7
#define TLS_FIRST    0x16
#define ANSWER_MOST  (64u << 10)
#define ANSWER_LEAST 32
#define SEND_BUFFER  4096 /* of the hub's socket: so that a long answer waits for its peer */
#define PIECES_MAX   48   /* of a stream: the rest comes at once */
#define TURNS        4    /* of the loop, after each piece */
#define TURNS_MOST   1000 /* until the end is noticed */
#define SHAKE_MS     (1u << 30)
#define NOT_YET      1 /* no error, and no end */
#define STREAM_MOST  (32u << 10)

enum flag {
    FLAG_CLIENT = 1,   /* a real client speaks; else the rest of the input, as it is */
    FLAG_CHANGED = 2,  /* on its way */
    FLAG_1_2 = 4,      /* the client's TLS is the older one */
    FLAG_ASKED = 8,    /* the hub asks for a certificate */
    FLAG_SHOWN = 16,   /* which the client has */
    FLAG_SAID = 32,    /* it ends with TLS's word for it */
    FLAG_GONE = 64,    /* its socket is closed, both ways */
    FLAG_UPDATES = 128 /* it changes its keys meanwhile, and asks the hub to */
};

static struct {
    uv_loop_t loop;
    struct tls_edge *edge;
    SSL_CTX *hub[2]; /* the second asks for certificates */
    SSL_CTX *client;
    char folder[64];
} all;

static void expect(bool holds, const char *sentence)
{
    if (!holds) {
        fprintf(stderr, "fuzz_tls: %s\n", sentence);
        abort();
    }
}

/* ── what there is once ── */

static const char *in_folder(const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", all.folder, name);
    return path;
}

static SSL_CTX *hub_context(bool asks)
{
    char cert[128], key[128], ca[128], fingerprint[TLS_FINGERPRINT_SIZE], why[TLS_WHY_SIZE];
    const struct tls_server_files files = {.cert = in_folder("hub.pem", cert),
                                           .key = in_folder("hub.key", key),
                                           .client_ca = asks ? in_folder("ca.pem", ca) : NULL,
                                           .also_1_2 = true};
    SSL_CTX *context = tls_server_context(&files, fingerprint, why, sizeof why);
    expect(context != NULL, "the hub has no certificate");
    return context;
}

static void begin_once(void)
{
    char path[128], command[128];
    const char *place = getenv("TMPDIR");
    if (all.edge)
        return;
    snprintf(all.folder, sizeof all.folder, "%.40s/khub-fuzz-XXXXXX", place ? place : "/tmp");
    expect(mkdtemp(all.folder) != NULL, "there is no room for certificates");
    lab_make(all.folder);
    all.hub[0] = hub_context(false);
    all.hub[1] = hub_context(true);
    all.client = SSL_CTX_new(TLS_client_method());
    expect(SSL_CTX_use_certificate_file(all.client, in_folder("ada.pem", path), SSL_FILETYPE_PEM) ==
                   1 &&
               SSL_CTX_use_PrivateKey_file(all.client, in_folder("ada.key", path),
                                           SSL_FILETYPE_PEM) == 1,
           "the client has no certificate");
    snprintf(command, sizeof command, "rm -r '%s'", all.folder);
    expect(system(command) == 0, "the certificates can't be removed");
    expect(uv_loop_init(&all.loop) == 0, "there is no loop");
    all.edge = tls_edge_new(&all.loop, SHAKE_MS);
}

/* ── the hub's end ── */

struct end {
    struct io *io;
    int peer;
    struct text got;
    struct opening opening;
    const struct protocol *protocol;
    ssize_t result;              /* NOT_YET, 0 at the peer's end, or what failed */
    size_t answer_len, answered; /* what the hub says to the first bytes, and how much of it */
    uint64_t taken;
    bool finishes, finished, closed; /* it says its end behind that; has it? */
};

static char answer_at(size_t at)
{
    return (char)(at * 7 + at / 251);
}

static void readable(struct end *end)
{
    static char buffer[64 << 10];
    ssize_t len = io_read(end->io, buffer, sizeof buffer);
    if (len == -EAGAIN)
        return;
    expect(end->result == NOT_YET, "something comes behind the end");
    if (len <= 0) {
        end->result = len;
        io_want(end->io, 0);
        return;
    }
    struct slice bytes = {buffer, (size_t)len};
    text_add(&end->got, bytes);
    if (!end->opening.over && !end->protocol)
        end->protocol = opening_take(&end->opening, bytes);
    io_want(end->io, IO_WANT_READ | (end->answered < end->answer_len ? IO_WANT_WRITE : 0));
}

/* Some of the answer, in two vectors. */
static void writable(struct end *end)
{
    static char bytes[20 << 10];
    size_t len = end->answer_len - end->answered;
    len = len < sizeof bytes ? len : sizeof bytes;
    for (size_t i = 0; i < len; i++)
        bytes[i] = answer_at(end->answered + i);
    struct iovec vectors[] = {{bytes, len / 3}, {bytes + len / 3, len - len / 3}};
    ssize_t sent = len >= 3 ? io_write(end->io, vectors, 2)
                   : len    ? io_write(end->io, vectors + 1, 1)
                            : 0;
    expect(sent <= (ssize_t)len && (sent != 0 || len == 0),
           "more is taken than was said, or nothing");
    end->answered += sent > 0 ? (size_t)sent : 0;
    expect(io_taken(end->io) >= end->taken, "what was taken is taken back");
    end->taken = io_taken(end->io);
    bool over = end->answered == end->answer_len || (sent < 0 && sent != -EAGAIN);
    if (over)
        io_want(end->io, end->result == NOT_YET ? IO_WANT_READ : 0);
    if (over && end->finishes && !end->finished) {
        io_finish(end->io);
        end->finished = true;
    }
}

static void on_io(struct io *io, enum io_event event, void *context)
{
    struct end *end = context;
    expect(io == end->io && !end->closed, "an event of another, or of one that is closed");
    if (event == IO_READABLE)
        readable(end);
    if (event == IO_WRITABLE)
        writable(end);
    end->closed |= event == IO_CLOSED;
}

/* how: of its answer. */
static void end_begin(struct end *end, bool asks, unsigned how)
{
    int ends[2], size = SEND_BUFFER;
    *end = (struct end){
        .result = NOT_YET, .answer_len = how & 1 ? ANSWER_MOST : ANSWER_LEAST, .finishes = how & 2};
    SSL_CTX_up_ref(all.hub[asks]);
    tls_edge_use(all.edge, all.hub[asks]);
    expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0,
           "there are no sockets");
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    end->peer = ends[1];
    end->io = io_tls(all.edge, ends[0], on_io, end);
    expect(end->io != NULL, "there is no io");
    io_want(end->io, IO_WANT_READ);
}

static void end_over(struct end *end)
{
    expect(!io_is_settled(end->io) || io_is_flushed(end->io), "settled with something to send");
    io_close(end->io);
    for (unsigned turns = 0; !end->closed && turns < TURNS_MOST; turns++)
        uv_run(&all.loop, UV_RUN_NOWAIT);
    expect(end->closed, "an io that is closed does not say so");
    expect(tls_edge_shaking(all.edge) == 0, "a handshake outlives its io");
    text_free(&end->got);
    if (end->peer >= 0)
        close(end->peer);
}

static void turn(unsigned turns)
{
    while (turns-- > 0)
        uv_run(&all.loop, UV_RUN_NOWAIT);
}

/* ── the peer's end ── */

struct way {
    struct end *end;
    SSL *ssl; /* NULL: no client */
    BIO *in, *out;
    uint32_t seed;
    unsigned pieces;
    size_t at;    /* bytes of the client that went by */
    size_t heard; /* bytes of the answer */
    int first;    /* byte that the hub was sent; -1: none yet */
    bool changes; /* at change_at, once: */
    size_t change_at;
    uint8_t change;      /* this is added to a byte, */
    struct slice put_in; /* and this put in before it */
};

static size_t piece_size(struct way *way, size_t most)
{
    way->seed = way->seed * 1664525u + 1013904223u;
    size_t size =
        way->pieces++ < PIECES_MAX ? 1 + (way->seed >> 8) % (1u << (way->seed >> 28)) : most;
    return size < most ? size : most;
}

/* False when the hub's end takes no more: it has failed, or does not read. */
static bool deliver(struct way *way, struct slice bytes)
{
    char answer[4096];
    ssize_t len;
    if (way->first < 0 && bytes.len > 0)
        way->first = (unsigned char)bytes.at[0];
    while (bytes.len > 0) {
        len = send(way->end->peer, bytes.at, piece_size(way, bytes.len), MSG_NOSIGNAL);
        if (len <= 0)
            return false;
        bytes = (struct slice){bytes.at + len, bytes.len - (size_t)len};
        turn(TURNS);
    }
    while ((len = recv(way->end->peer, answer, sizeof answer, 0)) > 0)
        if (way->ssl)
            BIO_write(way->in, answer, (int)len);
    return true;
}

/* What the client has written goes its way. */
static bool carry(struct way *way)
{
    static char bytes[1 << 16];
    int len;
    do {
        len = BIO_read(way->out, bytes, sizeof bytes);
        struct slice rest = {bytes, len > 0 ? (size_t)len : 0};
        if (way->changes && way->change_at < way->at + rest.len) {
            size_t before = way->change_at - way->at;
            way->changes = false;
            bytes[before] = (char)(bytes[before] + way->change);
            if (!deliver(way, (struct slice){bytes, before}) || !deliver(way, way->put_in))
                return false;
            rest = (struct slice){bytes + before, rest.len - before};
        }
        way->at += len > 0 ? (size_t)len : 0;
        if (!deliver(way, rest))
            return false;
    } while (len > 0);
    return true;
}

static bool shake(struct way *way)
{
    for (unsigned rounds = 0; rounds < 16; rounds++) {
        ERR_clear_error();
        int result = SSL_do_handshake(way->ssl);
        bool waits = result != 1 && SSL_get_error(way->ssl, result) == SSL_ERROR_WANT_READ;
        if (!carry(way) || (result != 1 && !waits))
            return false;
        if (result == 1)
            return true;
    }
    return false;
}

static bool say(struct way *way, struct slice text, bool updates)
{
    while (text.len > 0) {
        size_t size = piece_size(way, text.len);
        ERR_clear_error();
        if (updates && way->seed >> 31)
            SSL_key_update(way->ssl, SSL_KEY_UPDATE_REQUESTED);
        if (SSL_write(way->ssl, text.at, (int)size) != (int)size || !carry(way))
            return false;
        text = (struct slice){text.at + size, text.len - size};
    }
    return true;
}

/* What the hub answered is read, as far as it comes. */
static void hear(struct way *way, bool whole)
{
    char answer[4096];
    for (unsigned idle = 0; idle < 4; idle++) {
        turn(1);
        carry(way);
        ERR_clear_error();
        int len = SSL_read(way->ssl, answer, sizeof answer);
        for (int i = 0; i < len; i++)
            expect(answer[i] == answer_at(way->heard++), "the answer is another");
        if (len > 0)
            idle = 0;
    }
    expect(way->heard == way->end->answer_len || !whole, "not all of the answer comes");
}

static void leave(struct end *end, bool gone)
{
    if (gone) {
        close(end->peer);
        end->peer = -1;
    } else {
        shutdown(end->peer, SHUT_WR);
    }
    for (unsigned turns = 0; end->result == NOT_YET && turns < TURNS_MOST; turns++)
        uv_run(&all.loop, UV_RUN_NOWAIT);
    expect(end->result != NOT_YET, "an end is not noticed");
}

/* ── one input ── */

static void check_opening(const struct end *end)
{
    struct opening opening = {.len = 0};
    expect(end->protocol == opening_take(&opening, text_slice(&end->got)),
           "what it begins like depends on the splits");
}

static void say_raw(struct end *end, struct slice bytes, uint32_t seed, bool gone)
{
    struct way way = {.end = end, .seed = seed, .first = -1};
    bool all_sent = deliver(&way, bytes), tls = way.first == TLS_FIRST;
    leave(end, gone);
    struct io_protection protection = io_protection(end->io);
    expect(!protection.version && !protection.name, "nobody's handshake is done");
    if (tls) {
        expect(end->got.len == 0, "what was not encrypted is handed on");
        expect(end->result < 0, "what is no handshake ends well");
        return;
    }
    expect(all_sent, "what is no TLS is not taken");
    expect(slice_equal(text_slice(&end->got), bytes), "other bytes come than were sent");
    expect(!protection.failure, "without TLS, TLS has failed");
}

static void say_by_client(struct end *end, struct way *way, struct slice text, unsigned flags)
{
    bool whole = !way->changes, opened = shake(way);
    bool said = opened && say(way, text, flags & FLAG_UPDATES && !(flags & FLAG_1_2));
    expect(said || !whole, "a client that does all right is refused");
    if (said)
        hear(way, whole && text.len > 0);
    if (flags & FLAG_SAID && opened) {
        SSL_shutdown(way->ssl);
        said &= carry(way);
    }
    leave(end, flags & FLAG_GONE);
    if (way->first != TLS_FIRST) { /* as it was changed, it is no TLS */
        expect(!io_protection(end->io).version, "what is no TLS protects");
        return;
    }
    expect(end->got.len <= text.len &&
               (end->got.len == 0 || memcmp(end->got.at, text.at, end->got.len) == 0),
           "other bytes come than were said");
    if (!whole)
        return;
    struct io_protection protection = io_protection(end->io);
    expect(end->got.len == text.len, "not all that was said comes");
    expect(end->result == (flags & FLAG_SAID ? 0 : -ECONNRESET) || flags & FLAG_GONE,
           "an end is taken for another");
    expect(end->result < 0 || (protection.version && !protection.failure), "it is not protected");
    bool known = flags & FLAG_ASKED && flags & FLAG_SHOWN;
    expect(end->result < 0 || (protection.name != NULL) == known,
           "a name without a certificate, or a certificate without its name");
}

static void client_begin(struct way *way, unsigned flags)
{
    way->ssl = SSL_new(all.client);
    way->in = BIO_new(BIO_s_mem());
    way->out = BIO_new(BIO_s_mem());
    expect(way->ssl && way->in && way->out, "there is no client");
    SSL_set_bio(way->ssl, way->in, way->out);
    SSL_set_connect_state(way->ssl);
    if (flags & FLAG_1_2)
        SSL_set_max_proto_version(way->ssl, TLS1_2_VERSION);
    if (!(flags & FLAG_SHOWN))
        SSL_certs_clear(way->ssl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct end end;
    if (size < HEAD || size - HEAD > STREAM_MOST)
        return 0;
    begin_once();
    unsigned flags = data[0];
    struct slice rest = {(const char *)data + HEAD, size - HEAD};
    end_begin(&end, flags & FLAG_ASKED, data[1] >> 6);
    if (!(flags & FLAG_CLIENT)) {
        say_raw(&end, rest, data[1], flags & FLAG_GONE);
    } else {
        struct way way = {.end = &end,
                          .seed = data[1],
                          .first = -1,
                          .changes = flags & FLAG_CHANGED,
                          .change_at = (size_t)(data[2] | data[3] << 8),
                          .change = data[4]};
        size_t put_in = (size_t)(data[5] | data[6] << 8);
        if (way.changes && put_in <= rest.len) {
            way.put_in = (struct slice){rest.at, put_in};
            rest = (struct slice){rest.at + put_in, rest.len - put_in};
        }
        way.changes &= way.change || way.put_in.len;
        client_begin(&way, flags);
        say_by_client(&end, &way, rest, flags);
        SSL_free(way.ssl);
    }
    check_opening(&end);
    end_over(&end);
    return 0;
}
