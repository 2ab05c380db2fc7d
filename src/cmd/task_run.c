/* Running a command for khub task, as whoever types it would. What it prints is passed on to
 * stderr: stdout has what the hub says. */
#include "cmd/task.h"

#include <errno.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cmd/visit.h"
#include "core/bounds.h"
#include "wire/utf8.h"

/* Digest and beginning of what a command prints. */
struct printed {
    EVP_MD_CTX *digest;
    struct text text; /* a byte more than is told as it is, at the most */
};

static bool take(struct printed *printed, const char *chunk, size_t len)
{
    size_t room = EVIDENCE_PRINTED_MAX + 1 - printed->text.len;
    fwrite(chunk, 1, len, stderr);
    text_add(&printed->text, (struct slice){chunk, len < room ? len : room});
    return EVP_DigestUpdate(printed->digest, chunk, len) == 1;
}

/* The status with which it ended, as a shell tells it; -1 with errno. */
static int run(const char *command, struct printed *printed)
{
    char chunk[4096];
    size_t len;
    struct text line = {0};
    text_addf(&line, "exec 2>&1 </dev/null\n%s", command);
    text_add(&line, (struct slice){"", 1});
    fflush(NULL);
    /* what is ignored here would be ignored there: "yes | head" would complain */
    void (*kept)(int) = signal(SIGPIPE, SIG_DFL);
    FILE *pipe = line.failed ? NULL : popen(line.at, "re");
    signal(SIGPIPE, kept);
    text_free(&line);
    if (!pipe)
        return -1;
    while ((len = fread(chunk, 1, sizeof chunk, pipe)) > 0)
        if (!take(printed, chunk, len))
            break;
    int status = pclose(pipe);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* As it is, if it is a text that is short. */
static void add_printed(struct printed *printed, struct text *members)
{
    uint8_t digest[32];
    char sha256[65];
    struct slice said = text_slice(&printed->text);
    if (said.len <= EVIDENCE_PRINTED_MAX && utf8_valid(said)) {
        text_add_literal(members, ",\"printed\":");
        text_add_string(members, said);
        return;
    }
    EVP_DigestFinal_ex(printed->digest, digest, NULL);
    hex_format(digest, sizeof digest, sha256);
    text_addf(members, ",\"sha256\":\"%s\"", sha256);
}

int task_run(const char *command, bool exit_alone, struct text *members)
{
    struct printed printed = {.digest = EVP_MD_CTX_new()};
    bool ready = printed.digest && EVP_DigestInit_ex(printed.digest, EVP_sha256(), NULL) == 1;
    int status = ready ? run(command, &printed) : -1;
    if (status >= 0) {
        text_addf(members, ",\"exit\":%d", status);
        if (!exit_alone)
            add_printed(&printed, members);
    }
    EVP_MD_CTX_free(printed.digest);
    text_free(&printed.text);
    return status >= 0 ? 0 : complain("task", "could not run '%s': %s", command, strerror(errno));
}
