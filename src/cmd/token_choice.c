/* See token_choice.h. */
#include "cmd/token_choice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/address.h"

#define PLACE_SIZE 4096u
#define SHOWN      200 /* bytes of a path in a sentence */

/* A whole token, with what an editor puts behind a line. 0, or -1. */
static int token_take(struct slice text, char ret_text[TOKEN_TEXT_SIZE])
{
    while (text.len && strchr(" \t\r\n", text.at[text.len - 1]))
        text.len--;
    if (!token_is_whole(text))
        return -1;
    memcpy(ret_text, text.at, text.len);
    ret_text[text.len] = '\0';
    return 0;
}

/* The first bytes of what stands there; more are no token. 0, or -1 with a sentence. */
static int file_read(int file, const char *path, char ret_text[TOKEN_TEXT_SIZE],
                     char ret_why[TOKEN_CHOICE_WHY_SIZE])
{
    char buffer[2 * TOKEN_TEXT_SIZE];
    size_t len = 0;
    ssize_t got;
    while (len < sizeof buffer && (got = read(file, buffer + len, sizeof buffer - len)) > 0)
        len += (size_t)got;
    int error = token_take((struct slice){buffer, len}, ret_text);
    token_wipe(buffer, sizeof buffer);
    if (error < 0)
        snprintf(ret_why, TOKEN_CHOICE_WHY_SIZE,
                 "%.*s has no token: one begins with khub_, has 63 characters, and a check at its "
                 "end that does not fit when it was mistyped",
                 SHOWN, path);
    return error;
}

/* 1 when it is not there. */
static int file_take(const char *path, char ret_text[TOKEN_TEXT_SIZE],
                     char ret_why[TOKEN_CHOICE_WHY_SIZE])
{
    struct stat found;
    int error = -1;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (file < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 1;
    if (file < 0 || fstat(file, &found) < 0)
        snprintf(ret_why, TOKEN_CHOICE_WHY_SIZE, "the token in %.*s can't be read: %s", SHOWN, path,
                 strerror(errno));
    else if (found.st_mode & 077)
        snprintf(ret_why, TOKEN_CHOICE_WHY_SIZE,
                 "others may read the token in %.*s (its mode is %04o): chmod 600 it, and if they "
                 "did, have it rotated",
                 SHOWN, path, found.st_mode & 07777);
    else
        error = file_read(file, path, ret_text, ret_why);
    if (file >= 0)
        close(file);
    return error;
}

/* ── the file of an address ── */

/* 0, or -1 when the address names none. */
static int name_write(const char *address, char name[PLACE_SIZE])
{
    struct address parsed;
    const char *why, *scheme = strstr(address, "://");
    size_t len = 0;
    if (address_parse(scheme ? scheme + 3 : address, &parsed, &why) < 0)
        return -1;
    if (!parsed.local) {
        bool six = strchr(parsed.host, ':') != NULL;
        snprintf(name, PLACE_SIZE, "%s%s%s:%s", six ? "[" : "", parsed.host, six ? "]" : "",
                 *parsed.port ? parsed.port : "6000");
        return strchr(name, '/') || name[0] == '.' ? -1 : 0;
    }
    len = (size_t)snprintf(name, PLACE_SIZE, "unix:");
    for (const char *at = parsed.path; *at; at++)
        len += (size_t)snprintf(name + len, PLACE_SIZE - len, *at == '/' ? "%%2F" : "%c", *at);
    return 0;
}

/* 0, or -1 when there is no such place. */
static int place_write(const char *address, char place[PLACE_SIZE])
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char name[PLACE_SIZE];
    bool set = config && *config == '/';
    if ((!set && (!home || *home != '/')) || name_write(address, name) < 0)
        return -1;
    int len = snprintf(place, PLACE_SIZE, "%s%s/khub/tokens/%s", set ? config : home,
                       set ? "" : "/.config", name);
    return len < (int)PLACE_SIZE ? 0 : -1;
}

/* What $KHUB_TOKEN was: it is taken out of what others may read of this process, /proc/PID/environ,
 * and is not handed to the compilers that it starts. "": nothing. */
static char environment_token[TOKEN_TEXT_SIZE];

/* 0, or -1 when what was said is no token. */
static int environment_take(void)
{
    char *said = getenv("KHUB_TOKEN");
    if (!said || !*said)
        return 0;
    int error = token_take(slice_of(said), environment_token);
    if (error == 0) {
        token_wipe(said, strlen(said));
        unsetenv("KHUB_TOKEN");
    }
    return error;
}

int token_choose(const char *address, const char *file, char ret_text[TOKEN_TEXT_SIZE],
                 char ret_why[TOKEN_CHOICE_WHY_SIZE])
{
    char place[PLACE_SIZE];
    ret_text[0] = '\0';
    if (file && token_is_whole(slice_of(file))) {
        snprintf(ret_why, TOKEN_CHOICE_WHY_SIZE,
                 "--token-file wants the name of a file, and was given a token: as an argument "
                 "everybody on this machine can read it, so have it rotated");
        return -1;
    }
    if (file) {
        int taken = file_take(file, ret_text, ret_why);
        if (taken > 0)
            snprintf(ret_why, TOKEN_CHOICE_WHY_SIZE,
                     "there is no file %.*s, where --token-file "
                     "says that a token is",
                     SHOWN, file);
        return taken == 0 ? 0 : -1;
    }
    if (environment_take() < 0) {
        snprintf(
            ret_why, TOKEN_CHOICE_WHY_SIZE,
            "$KHUB_TOKEN is no token: one begins with khub_, has 63 characters, and a check at "
            "its end that does not fit when it was mistyped");
        return -1;
    }
    memcpy(ret_text, environment_token, sizeof environment_token);
    if (*ret_text)
        return 0;
    if (place_write(address, place) < 0)
        return 0;
    return file_take(place, ret_text, ret_why) < 0 ? -1 : 0;
}
