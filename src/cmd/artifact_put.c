/* khub artifact put: a file into a session's workspace, from where the hub has it on. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/artifact_file.h"
#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/inbox_print.h"
#include "cmd/json_out.h"
#include "cmd/stop.h"
#include "cmd/terminal.h"
#include "wire/base64.h"
#include "wire/clock.h"

#define READ_BYTES  (64u << 10)
#define TOGETHER    8u   /* chunks, before the hub's answer is waited for */
#define WANTS_AGAIN (-1) /* the hub has another chunk as its next */

struct sending {
    struct turn *turn;
    const struct artifact_settings *settings;
    const char *session_id;
    const char *name;
    int file;
    uint64_t size;
    char sha256[SHA256_TEXT_SIZE];
};

static int fail(const struct sending *sending, const char *why)
{
    return complain("artifact", "%s: %s.", sending->settings->what, why);
}

/* Opens it: a file, and not too large. */
static int open_file(struct sending *sending)
{
    struct stat found;
    sending->file = open(sending->settings->what, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (sending->file < 0 || fstat(sending->file, &found) < 0)
        return fail(sending, strerror(errno));
    if (!S_ISREG(found.st_mode))
        return fail(sending, "it is no file; archive a directory first (tar)");
    if (found.st_size > ARTIFACT_BYTES_MAX)
        return fail(sending, "it is larger than 64 MiB, the most that a hub takes");
    sending->size = (uint64_t)found.st_size;
    return 0;
}

static int hash_file(struct sending *sending)
{
    char bytes[READ_BYTES];
    EVP_MD_CTX *digest = sha256_begin();
    ssize_t count = 1;
    uint64_t at = 0;
    while (count > 0 && !stop_asked()) {
        count = pread(sending->file, bytes, sizeof bytes, (off_t)at);
        if (count > 0)
            EVP_DigestUpdate(digest, bytes, (size_t)count);
        at += count > 0 ? (uint64_t)count : 0;
    }
    int error = errno;
    sha256_end(digest, sending->sha256);
    if (stop_asked())
        return EXIT_FAILED;
    if (count < 0)
        return fail(sending, strerror(error));
    return at == sending->size ? 0 : fail(sending, "it changed while it was read");
}

static void begin_payload(const struct sending *sending, struct text *payload)
{
    text_clear(payload);
    text_add_literal(payload, "{\"session_id\":");
    text_add_string(payload, slice_of(sending->session_id));
    text_add_literal(payload, ",\"name\":");
    text_add_string(payload, slice_of(sending->name));
}

/* 0, an exit code after a sentence, or WANTS_AGAIN. */
static int ask_hub(const struct sending *sending, enum message_type type, struct text *payload)
{
    text_add(payload, (struct slice)SLICE("}\0"));
    enum ask_result result = ask(&sending->turn->visit, type, payload);
    if (result == ASK_ANSWERED)
        return 0;
    struct json_value next = json_get(sending->turn->ask.answer, "next");
    if (result == ASK_REFUSED && next.kind == JSON_KIND_NUMBER)
        return WANTS_AGAIN;
    return result == ASK_REFUSED ? ask_complain(&sending->turn->visit) : EXIT_FAILED;
}

static bool status_is(const struct sending *sending, const char *status)
{
    return json_string_is(json_get(sending->turn->ask.answer, "status"), slice_of(status));
}

/* Adds a chunk's message. 0, or an exit code after a sentence. */
static int read_chunk(const struct sending *sending, struct text *payload, uint64_t index,
                      size_t chunk)
{
    struct text bytes = {0};
    uint64_t at = index * chunk;
    size_t wanted = sending->size - at < chunk ? (size_t)(sending->size - at) : chunk;
    ssize_t count =
        text_reserve(&bytes, wanted) ? pread(sending->file, bytes.at, wanted, (off_t)at) : -1;
    int code = 0;
    if (count != (ssize_t)wanted)
        code = fail(sending, count < 0 ? strerror(errno) : "it changed while it was read");
    begin_payload(sending, payload);
    text_addf(payload, ",\"index\":%" PRIu64 ",\"data\":\"", index);
    if (code == 0)
        text_add_base64(payload, (struct slice){bytes.at, wanted});
    text_add_literal(payload, "\"");
    text_free(&bytes);
    return code;
}

/* Sends chunks from `first` up to `last`, and waits for the hub's word on the last: it takes them
 * in order, several in one write to its disk. */
static int send_some(const struct sending *sending, struct text *payload, uint64_t first,
                     uint64_t last, size_t chunk)
{
    int code = 0, error = 0;
    for (uint64_t index = first; code == 0 && index <= last; index++) {
        code = read_chunk(sending, payload, index, chunk);
        if (code != 0 || index == last)
            continue;
        text_add(payload, (struct slice)SLICE("}\0"));
        error = payload->failed ? KHUB_E_NO_MEMORY
                                : khub_publish(sending->turn->visit.link,
                                               message_type_text(MESSAGE_ARTIFACT_CHUNK),
                                               payload->at, NULL, NULL);
        if (error < 0)
            code = complain("artifact", "%s", khub_error_text(error));
    }
    return code == 0 ? ask_hub(sending, MESSAGE_ARTIFACT_CHUNK, payload) : code;
}

/* From `next` on, until the hub has all. What it did not take of several it wants again; then one
 * goes alone, so that its answer is the reason. */
static int send_chunks(const struct sending *sending, struct text *payload)
{
    struct progress progress;
    uint64_t next = 0, chunk = 0, together = TOGETHER;
    int code = 0;
    json_u64(json_get(sending->turn->ask.answer, "next"), &next);
    json_u64(json_get(sending->turn->ask.answer, "chunk"), &chunk);
    if (!chunk || chunk > ARTIFACT_BYTES_MAX)
        return complain("artifact", "the hub's answer says nothing of chunks.");
    uint64_t count = (sending->size + chunk - 1) / chunk, begun = next;
    progress_begin(&progress, "sent", next * chunk, sending->size);
    while (code == 0 && next < count) {
        uint64_t last = next + together < count ? next + together - 1 : count - 1;
        code = stop_asked() ? EXIT_FAILED : send_some(sending, payload, next, last, (size_t)chunk);
        if (code == WANTS_AGAIN && together > 1) {
            json_u64(json_get(sending->turn->ask.answer, "next"), &next);
            together = 1;
            code = 0;
            continue;
        }
        next = last + 1;
        together = TOGETHER;
        progress_go_on(&progress, next * chunk);
    }
    progress_end(&progress);
    if (code == WANTS_AGAIN)
        code = ask_complain(&sending->turn->visit);
    if (code != 0 && next > begun && !stop_asked())
        fputs("khub artifact: said again, it goes on where it broke off.\n", stderr);
    return code;
}

static int tell(const struct sending *sending)
{
    struct json_value kept = sending->turn->ask.answer;
    struct text text = {0};
    if (status_is(sending, "dropped")) {
        bool changed = json_string_is(json_get(kept, "reason"), slice_of("sha256"));
        return fail(sending, changed ? "it changed while it was sent: nothing is kept of it"
                                     : "somebody else wrote this name meanwhile: nothing is kept "
                                       "of it (khub artifact list)");
    }
    if (!status_is(sending, "kept"))
        return complain("artifact", "the hub does not say that it has the file.");
    if (sending->settings->json) {
        json_print(stdout, kept.raw, false);
        putchar('\n');
        return EXIT_WORKED;
    }
    text_add_name(&text, slice_of(sending->name));
    printf("%.*s version %.0f, %" PRIu64 " %s, sha256 %s\n", SLICE_FORMAT(text_slice(&text)),
           field_number(kept, "version", 0), sending->size, word_of(sending->size, "byte", "bytes"),
           sending->sha256);
    text_free(&text);
    return EXIT_WORKED;
}

int artifact_put(struct turn *turn, const struct artifact_settings *settings,
                 const char *session_id)
{
    struct sending sending = {
        .turn = turn, .settings = settings, .session_id = session_id, .file = -1};
    struct text payload = {0};
    OWNED char *path = strdup(settings->what);
    if (!path)
        return complain("artifact", "out of memory");
    sending.name = settings->name ? settings->name : basename(path);
    int code = open_file(&sending);
    if (code == 0)
        code = hash_file(&sending);
    if (code == 0) {
        begin_payload(&sending, &payload);
        text_addf(&payload, ",\"size\":%" PRIu64 ",\"sha256\":\"%s\",\"base_version\":%ld",
                  sending.size, sending.sha256, settings->base);
        text_add_literal(&payload, settings->for_room ? ",\"for_room\":true" : "");
        code = ask_hub(&sending, MESSAGE_ARTIFACT_OFFER, &payload);
    }
    if (code == 0 && status_is(&sending, "open"))
        code = send_chunks(&sending, &payload);
    if (code == 0)
        code = tell(&sending);
    if (sending.file >= 0)
        close(sending.file);
    text_free(&payload);
    return code;
}
