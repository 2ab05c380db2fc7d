/* khub artifact get: a file out of a workspace. It is there, under its name, when all of it is, and
 * is what its sha256 says. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/artifact_file.h"
#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/inbox_print.h"
#include "cmd/stop.h"
#include "cmd/terminal.h"
#include "wire/base64.h"

#define PART ".khub-part"

struct fetching {
    struct turn *turn;
    const struct artifact_settings *settings;
    char sha256[SHA256_TEXT_SIZE];
    uint64_t size, chunk;
    char path[PATH_MAX - sizeof PART], part[PATH_MAX];
    int file;
    EVP_MD_CTX *digest;
};

static int fail(const struct fetching *fetching, const char *path, const char *why)
{
    (void)fetching;
    return complain("artifact", "%s: %s.", path, why);
}

/* ── which ── */

/* The only one, or the only contents, of that name now; or of that sha256. */
static int choose(struct fetching *fetching, struct json_value array, char **ret_name)
{
    struct json_iterator iterator = {.rest = array.raw};
    struct json_value artifact;
    const char *what = fetching->settings->what;
    bool by_sha256 = is_sha256(what);
    size_t found = 0;
    while (json_next_element(&iterator, &artifact)) {
        OWNED char *sha256 = field_string(artifact, "sha256");
        OWNED char *status = field_string(artifact, "status");
        bool fits = by_sha256 ? strcmp(status, "open") != 0 : strcmp(status, "kept") == 0;
        if (!fits || !is_sha256(sha256) || (found && strcmp(sha256, fetching->sha256) == 0))
            continue;
        if (found++)
            return complain("artifact",
                            "several sessions have a file '%s': say --session, or its sha256 "
                            "('khub artifact list').",
                            what);
        memcpy(fetching->sha256, sha256, sizeof fetching->sha256);
        json_u64(json_get(artifact, "size"), &fetching->size);
        json_u64(json_get(artifact, "chunk"), &fetching->chunk);
        *ret_name = field_string(artifact, "name");
    }
    return found ? 0
                 : complain("artifact",
                            "there is no file '%s' that you may read: 'khub artifact list' tells "
                            "which there are.",
                            what);
}

/* ── where to ── */

/* A name is anybody's: of one that is no file's here its reader says another. */
static int place(struct fetching *fetching, char *name)
{
    const char *out = fetching->settings->out ? fetching->settings->out : basename(name);
    bool fit = fetching->settings->out ||
               (*out && strcmp(out, ".") != 0 && strcmp(out, "..") != 0 && strcmp(out, "/") != 0);
    if (!fit ||
        snprintf(fetching->path, sizeof fetching->path, "%s", out) >= (int)sizeof fetching->path)
        return complain("artifact", "the file's name is none for here: say where to with --out.");
    snprintf(fetching->part, sizeof fetching->part, "%s" PART, fetching->path);
    if (!fetching->settings->force &&
        faccessat(AT_FDCWD, fetching->path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return fail(fetching, fetching->path, "it is there already; --force writes over it");
    unlink(fetching->part); /* of one that was killed */
    fetching->file =
        open(fetching->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    return fetching->file < 0 ? fail(fetching, fetching->part, strerror(errno)) : 0;
}

/* What it is called from now on, unless somebody else made one meanwhile. */
static int put_in_place(struct fetching *fetching)
{
    unsigned flags = fetching->settings->force ? 0 : RENAME_NOREPLACE;
    if (fsync(fetching->file) < 0)
        return fail(fetching, fetching->path, strerror(errno));
    if (renameat2(AT_FDCWD, fetching->part, AT_FDCWD, fetching->path, flags) == 0)
        return 0;
    return fail(fetching, fetching->path,
                errno == EEXIST ? "it is there already; --force writes over it" : strerror(errno));
}

/* ── its bytes ── */

static int write_all(struct fetching *fetching, struct slice bytes)
{
    EVP_DigestUpdate(fetching->digest, bytes.at, bytes.len);
    while (bytes.len) {
        ssize_t count = write(fetching->file, bytes.at, bytes.len);
        if (count < 0 && errno != EINTR)
            return fail(fetching, fetching->path, strerror(errno));
        bytes.at += count > 0 ? count : 0;
        bytes.len -= count > 0 ? (size_t)count : 0;
    }
    return 0;
}

static int fetch_chunk(struct fetching *fetching, uint64_t index)
{
    struct visit *visit = &fetching->turn->visit;
    struct text payload = {0}, bytes = {0};
    text_addf(&payload, "{\"sha256\":\"%s\",\"index\":%" PRIu64 "}", fetching->sha256, index);
    text_add(&payload, (struct slice){"", 1});
    enum ask_result result = ask(visit, MESSAGE_ARTIFACT_QUERY, &payload);
    text_free(&payload);
    if (result != ASK_ANSWERED)
        return result == ASK_REFUSED ? ask_complain(visit) : EXIT_FAILED;
    struct json_value data = json_get(fetching->turn->ask.answer, "data");
    bool fine = data.kind == JSON_KIND_STRING && text_add_base64_decoded(&bytes, data.raw);
    int code = fine ? write_all(fetching, text_slice(&bytes))
                    : complain("artifact", "the hub's answer has no bytes of the file.");
    text_free(&bytes);
    return code;
}

static int fetch(struct fetching *fetching)
{
    struct progress progress;
    uint64_t done = 0;
    int code = 0;
    char sha256[SHA256_TEXT_SIZE];
    if (!fetching->chunk)
        return complain("artifact", "the hub's answer says nothing of chunks.");
    fetching->digest = sha256_begin();
    progress_begin(&progress, "fetched", 0, fetching->size);
    for (uint64_t index = 0; code == 0 && done < fetching->size; index++) {
        code = stop_asked() ? EXIT_FAILED : fetch_chunk(fetching, index);
        done += fetching->chunk;
        progress_go_on(&progress, done);
    }
    progress_end(&progress);
    sha256_end(fetching->digest, sha256);
    if (code == 0 && strcmp(sha256, fetching->sha256) != 0)
        code = fail(fetching, fetching->path,
                    "what came is not what its sha256 says: nothing is kept of it");
    return code;
}

static void tell(const struct fetching *fetching)
{
    struct text text = {0};
    if (fetching->settings->json) {
        text_add_literal(&text, "{\"path\":");
        text_add_string(&text, slice_of(fetching->path));
        text_addf(&text, ",\"size\":%" PRIu64 ",\"sha256\":\"%s\"}", fetching->size,
                  fetching->sha256);
    } else {
        text_add_name(&text, slice_of(fetching->path));
        text_addf(&text, ": %" PRIu64 " %s, sha256 %s", fetching->size,
                  word_of(fetching->size, "byte", "bytes"), fetching->sha256);
    }
    printf("%.*s\n", SLICE_FORMAT(text_slice(&text)));
    text_free(&text);
}

int artifact_get(struct turn *turn, const struct artifact_settings *settings,
                 const char *session_id)
{
    struct fetching fetching = {.turn = turn, .settings = settings, .file = -1};
    struct json_value array;
    char *name = NULL;
    int code = artifact_find(turn, settings->what, session_id, &array);
    if (code == 0)
        code = choose(&fetching, array, &name);
    if (code == 0)
        code = place(&fetching, name);
    if (code == 0)
        code = fetch(&fetching);
    if (code == 0)
        code = put_in_place(&fetching);
    if (fetching.file >= 0)
        close(fetching.file);
    if (code != 0 && fetching.file >= 0)
        unlink(fetching.part);
    if (code == 0)
        tell(&fetching);
    free(name);
    return code;
}
