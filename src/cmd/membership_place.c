/* See membership_place.h. */
#include "cmd/membership_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/options.h"
#include "cmd/stop.h"
#include "cmd/visit.h"
#include "wire/clock.h"
#include "wire/text.h"

#define FOLDER        ".khub"
#define ENDING        ".json"
#define FILE_NAME_MAX 200u /* bytes of a name in the file's: a longer one wants --state */
#define ENDING_MAX    24   /* bytes of what lies beside a file: its name and this */
#define NAMES_MAX     64u
#define AGAIN_MS      20 /* before a lock that is held is tried again */

/* ── names of files ── */

/* Letters and digits as they are, and "-_."; all else is spelt as %2F, and so is a dot in front. */
static void encode(struct text *text, const char *name)
{
    for (const char *at = name; *at; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                     (*at >= '0' && *at <= '9') || *at == '-' || *at == '_' ||
                     (*at == '.' && at != name);
        if (plain)
            text_add(text, (struct slice){at, 1});
        else
            text_addf(text, "%%%02X", (unsigned char)*at);
    }
}

/* Into a buffer that has room for `len` bytes and a NUL. */
static void decode(const char *at, size_t len, char *ret_name)
{
    for (size_t i = 0; i < len; i++) {
        unsigned byte;
        if (at[i] == '%' && i + 2 < len && sscanf(at + i + 1, "%2X", &byte) == 1) {
            *ret_name++ = (char)byte;
            i += 2;
        } else {
            *ret_name++ = at[i];
        }
    }
    *ret_name = '\0';
}

struct name {
    char ai_id[256], room[256];
};

/* Whether it is one that place_make writes. */
static bool name_read(const char *file, struct name *ret_name)
{
    size_t len = strlen(file), ending = strlen(ENDING);
    if (len <= ending || len - ending > 255 || strcmp(file + len - ending, ENDING) != 0)
        return false;
    len -= ending;
    const char *at = memchr(file, '@', len);
    size_t id_len = at ? (size_t)(at - file) : len;
    decode(file, id_len, ret_name->ai_id);
    if (at)
        decode(at + 1, len - id_len - 1, ret_name->room);
    else
        memcpy(ret_name->room, ROOM_DEFAULT, sizeof ROOM_DEFAULT);
    return true;
}

/* ── the directory ── */

static bool is_there(const char *directory, const char *name, bool folder)
{
    char path[PATH_MAX];
    struct stat found;
    return snprintf(path, sizeof path, "%s/%s", directory, name) < (int)sizeof path &&
           lstat(path, &found) == 0 && (!folder || S_ISDIR(found.st_mode));
}

int place_project(const char *command, char ret_project[PATH_MAX])
{
    char here[PATH_MAX];
    if (!getcwd(here, sizeof here))
        return complain(command, "which directory this is can't be found out: %s", strerror(errno));
    memcpy(ret_project, here, sizeof here);
    while (!is_there(ret_project, FOLDER, true) && !is_there(ret_project, ".git", false)) {
        char *slash = strrchr(ret_project, '/');
        if (!slash || ret_project[1] == '\0') {
            memcpy(ret_project, here, sizeof here);
            break;
        }
        slash[slash == ret_project] = '\0';
    }
    return 0;
}

/* Its path, whether it is there or not. 0, or an exit code after a sentence. */
static int folder_find(const char *command, char ret_folder[PATH_MAX])
{
    char at[PATH_MAX] = "";
    int code = place_project(command, at);
    if (code != 0)
        return code;
    if (snprintf(ret_folder, PATH_MAX, "%s/" FOLDER, at[1] ? at : "") < PATH_MAX)
        return 0;
    return complain(command, "%s: %s", at, strerror(ENAMETOOLONG));
}

/* What others may write, they could put another file into. */
static int folder_check(const char *command, const char *folder)
{
    struct stat found;
    if (lstat(folder, &found) < 0)
        return complain(command, "%s: %s", folder, strerror(errno));
    if (!S_ISDIR(found.st_mode))
        return complain(command, "%s is no directory.", folder);
    if (found.st_uid != geteuid())
        return complain(command,
                        "%s belongs to another user: it is not taken. --state FILE names another "
                        "place.",
                        folder);
    if (found.st_mode & 022)
        return complain(command, "others may write in %s: chmod 700 it.", folder);
    return 0;
}

static int folder_make(const char *command, const char *folder)
{
    char path[PATH_MAX];
    if (mkdir(folder, 0700) < 0 && errno != EEXIST)
        return complain(command, "%s can't be made: %s", folder, strerror(errno));
    int code = folder_check(command, folder);
    if (code != 0)
        return code;
    if (snprintf(path, sizeof path, "%s/.gitignore", folder) >= (int)sizeof path)
        return complain(command, "%s: %s", folder, strerror(ENAMETOOLONG));
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return errno == EEXIST ? 0 : complain(command, "%s: %s", path, strerror(errno));
    bool written = write(file, "*\n", 2) == 2;
    int error = errno;
    close(file);
    if (written)
        return 0;
    unlink(path);
    return complain(command, "%s: %s", path, strerror(error));
}

/* ── which of them ── */

struct found {
    struct name names[NAMES_MAX];
    size_t count, all; /* those of the choice; those that there are */
};

static bool fits(const struct name *name, const struct membership_choice *choice)
{
    return (!choice->as || strcmp(choice->as, name->ai_id) == 0) &&
           (!choice->room || strcmp(choice->room, name->room) == 0);
}

static void folder_read(const char *folder, const struct membership_choice *choice,
                        struct found *ret_found)
{
    DIR *directory = opendir(folder);
    const struct dirent *entry;
    *ret_found = (struct found){0};
    while (directory && (entry = readdir(directory))) {
        struct name name;
        if (!name_read(entry->d_name, &name))
            continue;
        ret_found->all++;
        if (fits(&name, choice) && ret_found->count < NAMES_MAX)
            ret_found->names[ret_found->count++] = name;
    }
    if (directory)
        closedir(directory);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(((const struct name *)left)->ai_id, ((const struct name *)right)->ai_id);
}

static int refuse_several(const char *command, struct found *found)
{
    struct text names = {0};
    qsort(found->names, found->count, sizeof *found->names, compare_names);
    for (size_t i = 0; i < found->count; i++) {
        bool main = strcmp(found->names[i].room, ROOM_DEFAULT) == 0;
        text_addf(&names, "%s%s%s%s%s", i ? ", " : "", found->names[i].ai_id,
                  main ? "" : " (--room ", main ? "" : found->names[i].room, main ? "" : ")");
    }
    complain(command, "several have joined from here: %.*s. Say which: --as NAME, or $KHUB_AS.",
             SLICE_FORMAT(text_slice(&names)));
    text_free(&names);
    return EXIT_USAGE;
}

static int refuse_none(const char *command, const struct membership_choice *choice,
                       const char *folder, const struct found *found)
{
    if (found->all == 0)
        complain(command, "nobody has joined a hub from here (%s): khub join NAME", folder);
    else
        complain(command, "nobody%s%s has joined a hub%s%s from here (%s has others): khub join",
                 choice->as ? " named " : "", choice->as ? choice->as : "",
                 choice->room ? ", in the room " : "", choice->room ? choice->room : "", folder);
    return EXIT_FAILED;
}

static int path_write(const char *command, const char *folder, const struct name *name,
                      struct place *ret_place)
{
    struct text file = {0};
    encode(&file, name->ai_id);
    if (strcmp(name->room, ROOM_DEFAULT) != 0) {
        text_add_literal(&file, "@");
        encode(&file, name->room);
    }
    int code = 0;
    if (file.failed)
        code = complain(command, "out of memory");
    else if (file.len > FILE_NAME_MAX ||
             snprintf(ret_place->path, PATH_MAX, "%s/%.*s" ENDING, folder, (int)file.len,
                      file.at) >= PATH_MAX - ENDING_MAX)
        code = complain(command, "'%s' is too long for the name of a file: say --state FILE.",
                        name->ai_id);
    text_free(&file);
    return code;
}

static int state_take(const char *command, const char *state, struct place *ret_place)
{
    if (snprintf(ret_place->path, PATH_MAX, "%s", state) < PATH_MAX - ENDING_MAX)
        return 0;
    return complain(command, "--state: %s", strerror(ENAMETOOLONG));
}

int place_choose(const char *command, const struct membership_choice *choice,
                 struct place *ret_place)
{
    char folder[PATH_MAX];
    struct found found;
    *ret_place = (struct place){.turn = -1, .wait = -1};
    if (choice->state)
        return state_take(command, choice->state, ret_place);
    int code = folder_find(command, folder);
    if (code != 0)
        return code;
    folder_read(folder, choice, &found);
    if (found.count == 0)
        return refuse_none(command, choice, folder, &found);
    if (found.count > 1)
        return refuse_several(command, &found);
    code = folder_check(command, folder);
    return code != 0 ? code : path_write(command, folder, &found.names[0], ret_place);
}

int place_make(const char *command, const struct membership_choice *choice, struct place *ret_place)
{
    char folder[PATH_MAX];
    struct name name;
    *ret_place = (struct place){.turn = -1, .wait = -1};
    if (choice->state)
        return state_take(command, choice->state, ret_place);
    int code = folder_find(command, folder);
    snprintf(name.ai_id, sizeof name.ai_id, "%s", choice->as);
    snprintf(name.room, sizeof name.room, "%s", choice->room ? choice->room : ROOM_DEFAULT);
    if (code == 0)
        code = path_write(command, folder, &name, ret_place);
    return code != 0 ? code : folder_make(command, folder);
}

int place_only_name(const char *command, const char *room, char *ret_name)
{
    char folder[PATH_MAX];
    struct found found;
    struct membership_choice choice = {.room = room};
    int code = folder_find(command, folder);
    if (code != 0)
        return code;
    folder_read(folder, &choice, &found);
    if (found.count > 1)
        return refuse_several(command, &found);
    snprintf(ret_name, WIRE_ID_MAX + 1, "%.*s", (int)WIRE_ID_MAX,
             found.count ? found.names[0].ai_id : "");
    return 0;
}

const char *beside_path(const char *membership, const char *ending, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%.*s%s", PATH_MAX - ENDING_MAX, membership, ending);
    return path;
}

/* ── the locks ── */

enum lock { LOCK_TAKEN, LOCK_HELD, LOCK_FAILED };

/* One that its last holder removed is no lock any more: the file of that name is opened again. */
static enum lock lock_try(const char *path, int *ret_lock)
{
    struct stat mine, there;
    for (;;) {
        int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
        if (file < 0)
            return LOCK_FAILED;
        if (flock(file, LOCK_EX | LOCK_NB) < 0) {
            int error = errno;
            close(file);
            errno = error;
            return error == EWOULDBLOCK ? LOCK_HELD : LOCK_FAILED;
        }
        if (fstat(file, &mine) == 0 && stat(path, &there) == 0 && mine.st_ino == there.st_ino &&
            mine.st_dev == there.st_dev) {
            *ret_lock = file;
            return LOCK_TAKEN;
        }
        close(file);
    }
}

int place_take_turn(const char *command, struct place *place, int64_t until)
{
    char path[PATH_MAX];
    beside_path(place->path, ".turn", path);
    for (;;) {
        enum lock lock = lock_try(path, &place->turn);
        if (lock == LOCK_TAKEN)
            return 0;
        if (lock == LOCK_FAILED)
            return complain(command, "%s: %s", path, strerror(errno));
        if (stop_asked() || time_monotonic_ms() >= until)
            return -1;
        stop_poll(NULL, 0, &(struct timespec){.tv_nsec = AGAIN_MS * 1000000L});
    }
}

void place_end_turn(struct place *place)
{
    if (place->turn >= 0)
        close(place->turn);
    place->turn = -1;
}

int place_take_wait(const char *command, struct place *place)
{
    char path[PATH_MAX], pid[16] = "?";
    beside_path(place->path, ".wait", path);
    switch (lock_try(path, &place->wait)) {
    case LOCK_TAKEN:
        break;
    case LOCK_FAILED:
        return complain(command, "%s: %s", path, strerror(errno));
    case LOCK_HELD: {
        FILE *file = fopen(path, "re");
        if (file && fscanf(file, "%15[0-9]", pid) != 1)
            memcpy(pid, "?", 2);
        if (file)
            fclose(file);
        return complain(command,
                        "another 'khub recv --wait' waits in this name already (process %s): let "
                        "it, or end it.",
                        pid);
    }
    }
    if (ftruncate(place->wait, 0) < 0 || dprintf(place->wait, "%d\n", (int)getpid()) < 0)
        return complain(command, "%s: %s", path, strerror(errno));
    return 0;
}

void place_leave(struct place *place)
{
    place_end_turn(place);
    if (place->wait >= 0)
        close(place->wait);
    place->wait = -1;
}

int place_remove(struct place *place)
{
    /* What a bridge notes, and who is woken by it (waiting_note.h); the turn's lock goes last. */
    static const char *const beside[] = {".wait", ".waiting", ".woken", ".hook", ".turn"};
    char path[PATH_MAX];
    int error = unlink(place->path);
    if (error == 0 || errno == ENOENT) {
        for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++)
            unlink(beside_path(place->path, beside[i], path));
    }
    return error;
}
