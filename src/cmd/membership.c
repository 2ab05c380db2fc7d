/* See membership.h. */
#include "cmd/membership.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/file_replace.h"
#include "cmd/options.h"

#define FORMAT 1

static const struct {
    const char *name;
    size_t offset;
    size_t bytes; /* at the most */
    bool required;
} texts[] = {
#define TEXT(member, bytes, required)                                                              \
    {                                                                                              \
#member, offsetof(struct membership, member), bytes, required                              \
    }
    TEXT(hub, 512, true),           TEXT(room, ROOM_NAME_MAX, true),
    TEXT(ai_id, WIRE_ID_MAX, true), TEXT(specialization, WIRE_ID_MAX, false),
    TEXT(resume_token, 256, false), TEXT(token_file, PATH_MAX, false),
    TEXT(ca, PATH_MAX, false),      TEXT(fingerprint, 256, false),
    TEXT(cert, PATH_MAX, false),    TEXT(key, PATH_MAX, false),
#undef TEXT
};
#define TEXTS (sizeof texts / sizeof texts[0])

static const struct {
    const char *name;
    size_t offset;
    json_type type;
} parts[] = {
    {"capabilities", offsetof(struct membership, capabilities), JSON_ARRAY},
    {"unread_direct", offsetof(struct membership, unread_direct), JSON_ARRAY},
    {"unread", offsetof(struct membership, unread), JSON_ARRAY},
    {"leases", offsetof(struct membership, leases), JSON_OBJECT},
    {"heard", offsetof(struct membership, heard), JSON_ARRAY},
    {"said", offsetof(struct membership, said), JSON_ARRAY},
};
#define PARTS (sizeof parts / sizeof parts[0])

static int fail(char ret_why[MEMBERSHIP_WHY_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int fail(char ret_why[MEMBERSHIP_WHY_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret_why, MEMBERSHIP_WHY_SIZE, format, arguments);
    va_end(arguments);
    return -1;
}

static void text_point(struct membership *membership, size_t i)
{
    const char *text = json_string_value(json_object_get(membership->root, texts[i].name));
    memcpy((char *)membership + texts[i].offset, &text, sizeof text);
}

static void part_point(struct membership *membership, size_t i)
{
    json_t *part = json_object_get(membership->root, parts[i].name);
    memcpy((char *)membership + parts[i].offset, &part, sizeof part);
}

int membership_new(struct membership *membership)
{
    *membership = (struct membership){.root = json_object()};
    int error = json_object_set_new(membership->root, "khub_membership", json_integer(FORMAT));
    for (size_t i = 0; i < PARTS; i++) {
        json_t *part = parts[i].type == JSON_ARRAY ? json_array() : json_object();
        error |= json_object_set_new(membership->root, parts[i].name, part);
        part_point(membership, i);
    }
    return error ? -1 : 0;
}

void membership_free(struct membership *membership)
{
    json_decref(membership->root);
    *membership = (struct membership){0};
}

int membership_set(struct membership *membership, const char *name, const char *text)
{
    int error = text ? json_object_set_new(membership->root, name, json_string(text)) : 0;
    if (!text)
        json_object_del(membership->root, name);
    for (size_t i = 0; i < TEXTS; i++)
        text_point(membership, i);
    return error;
}

/* ── reading ── */

static const char *text_fault(struct membership *membership)
{
    for (size_t i = 0; i < TEXTS; i++) {
        const json_t *text = json_object_get(membership->root, texts[i].name);
        size_t len = json_string_length(text);
        text_point(membership, i);
        if (text ? !json_is_string(text) || len == 0 || len > texts[i].bytes : texts[i].required)
            return texts[i].name;
    }
    return NULL;
}

static bool seqs_rise(const json_t *seqs)
{
    json_int_t last = 0;
    for (size_t i = 0; i < json_array_size(seqs); i++) {
        const json_t *seq = json_array_get(seqs, i);
        if (!json_is_integer(seq) || json_integer_value(seq) <= last)
            return false;
        last = json_integer_value(seq);
    }
    return true;
}

static bool notes_whole(const json_t *notes, bool heard)
{
    for (size_t i = 0; i < json_array_size(notes); i++) {
        const json_t *note = json_array_get(notes, i);
        if (!json_is_integer(json_object_get(note, "seq")) ||
            !json_is_string(json_object_get(note, "message_id")) ||
            (heard && !json_is_string(json_object_get(note, "from"))))
            return false;
    }
    return true;
}

static bool leases_whole(json_t *leases)
{
    const char *key;
    json_t *fence;
    json_object_foreach(leases, key, fence) if (!json_is_integer(fence)) return false;
    return true;
}

static bool capabilities_whole(const json_t *capabilities)
{
    for (size_t i = 0; i < json_array_size(capabilities); i++)
        if (!json_is_string(json_array_get(capabilities, i)))
            return false;
    return json_array_size(capabilities) <= LIST_MAX;
}

static const char *part_fault(struct membership *membership)
{
    for (size_t i = 0; i < PARTS; i++) {
        const json_t *part = json_object_get(membership->root, parts[i].name);
        part_point(membership, i);
        if (!part || json_typeof(part) != parts[i].type)
            return parts[i].name;
    }
    return !capabilities_whole(membership->capabilities) ? "capabilities"
           : !seqs_rise(membership->unread_direct)       ? "unread_direct"
           : !seqs_rise(membership->unread)              ? "unread"
           : !leases_whole(membership->leases)           ? "leases"
           : !notes_whole(membership->heard, true)       ? "heard"
           : !notes_whole(membership->said, false)       ? "said"
                                                         : NULL;
}

static const char *number_fault(struct membership *membership)
{
    const json_t *root = membership->root;
    const json_t *acked = json_object_get(root, "acked"), *told = json_object_get(root, "told");
    const json_t *stays = json_object_get(root, "stays_s"), *turns = json_object_get(root, "turns");
    if (!json_is_integer(acked) || json_integer_value(acked) < 0)
        return "acked";
    if (!json_is_integer(told) || json_integer_value(told) < json_integer_value(acked))
        return "told";
    if (!json_is_integer(stays) || json_integer_value(stays) < 0 ||
        json_integer_value(stays) > STAY_MAX_S)
        return "stays_s";
    if (!json_is_integer(turns) || json_integer_value(turns) < 0)
        return "turns";
    membership->acked = (uint64_t)json_integer_value(acked);
    membership->told = (uint64_t)json_integer_value(told);
    membership->turns = (uint64_t)json_integer_value(turns);
    membership->stays_s = (long)json_integer_value(stays);
    membership->insecure = json_is_true(json_object_get(root, "insecure"));
    return NULL;
}

/* All of a file that is its user's alone; jansson's error says nothing of who may read it. */
static FILE *file_open(const char *path, char ret_why[MEMBERSHIP_WHY_SIZE])
{
    struct stat found;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    if (file < 0 || fstat(file, &found) < 0)
        fail(ret_why, "%.400s can't be read: %s", path,
             errno == ELOOP ? "it is a symbolic link" : strerror(errno));
    else if (!S_ISREG(found.st_mode))
        fail(ret_why, "%.400s is no file", path);
    else if (found.st_uid != geteuid())
        fail(ret_why, "%.400s belongs to another user: it is not taken", path);
    else if (found.st_mode & 077)
        fail(ret_why,
             "others may read or change %.400s (its mode is %04o): chmod 600 it, if nobody did",
             path, found.st_mode & 07777);
    else if (found.st_size > (off_t)MEMBERSHIP_BYTES_MAX)
        fail(ret_why, "%.400s is damaged: it has more than %u bytes", path, MEMBERSHIP_BYTES_MAX);
    else {
        FILE *stream = fdopen(file, "r");
        if (stream)
            return stream;
        fail(ret_why, "%.400s can't be read: %s", path, strerror(errno));
    }
    if (file >= 0)
        close(file);
    return NULL;
}

int membership_load(struct membership *membership, const char *path,
                    char ret_why[MEMBERSHIP_WHY_SIZE])
{
    json_error_t error;
    FILE *stream = file_open(path, ret_why);
    if (!stream)
        return -1;
    *membership = (struct membership){.root = json_loadf(stream, JSON_REJECT_DUPLICATES, &error)};
    fclose(stream);
    const char *fault = NULL;
    if (!membership->root)
        fail(ret_why, "%.400s is damaged: line %d: %s", path, error.line, error.text);
    else if (json_integer_value(json_object_get(membership->root, "khub_membership")) != FORMAT)
        fail(ret_why, "%.400s is damaged, or of another version of khub", path);
    else if ((fault = text_fault(membership)) || (fault = part_fault(membership)) ||
             (fault = number_fault(membership)))
        fail(ret_why, "%.400s is damaged: \"%s\" is not what it should be", path, fault);
    else
        return 0;
    membership_free(membership);
    return -1;
}

/* ── writing ── */

static int numbers_set(struct membership *membership)
{
    json_t *root = membership->root;
    return json_object_set_new(root, "acked", json_integer((json_int_t)membership->acked)) |
           json_object_set_new(root, "told", json_integer((json_int_t)membership->told)) |
           json_object_set_new(root, "turns", json_integer((json_int_t)membership->turns)) |
           json_object_set_new(root, "stays_s", json_integer(membership->stays_s)) |
           json_object_set_new(root, "insecure", json_boolean(membership->insecure));
}

int membership_save(struct membership *membership, const char *path,
                    char ret_why[MEMBERSHIP_WHY_SIZE])
{
    char *text = numbers_set(membership) == 0 ? json_dumps(membership->root, JSON_INDENT(1)) : NULL;
    if (!text)
        return fail(ret_why, "out of memory");
    int error = file_replace(path, slice_of(text), 0600);
    if (error < 0)
        fail(ret_why, "%.400s can't be written: %s", path, strerror(errno));
    free(text);
    return error;
}

/* ── what is in it ── */

bool seqs_have(const json_t *seqs, uint64_t seq)
{
    size_t low = 0, high = json_array_size(seqs);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint64_t found = (uint64_t)json_integer_value(json_array_get(seqs, middle));
        if (found == seq)
            return true;
        if (found < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

void membership_note(struct membership *membership, uint64_t seq, const char *message_id,
                     const char *from, bool direct)
{
    json_t *notes = from ? membership->heard : membership->said;
    json_t *note = from ? json_pack("{s:I, s:s, s:s, s:b}", "seq", (json_int_t)seq, "message_id",
                                    message_id, "from", from, "direct", direct)
                        : json_pack("{s:I, s:s}", "seq", (json_int_t)seq, "message_id", message_id);
    if (note)
        json_array_append_new(notes, note);
    while (json_array_size(notes) > HEARD_MAX)
        json_array_remove(notes, 0);
}

const json_t *membership_find(const json_t *notes, uint64_t seq)
{
    for (size_t i = json_array_size(notes); i-- > 0;) {
        const json_t *note = json_array_get(notes, i);
        if ((uint64_t)json_integer_value(json_object_get(note, "seq")) == seq)
            return note;
    }
    return NULL;
}

static void seqs_drop(json_t *seqs, uint64_t upto)
{
    while (json_array_size(seqs) > 0 &&
           (uint64_t)json_integer_value(json_array_get(seqs, 0)) <= upto)
        json_array_remove(seqs, 0);
}

uint64_t membership_shown(const struct membership *membership)
{
    const json_t *first = json_array_get(membership->unread_direct, 0);
    return first ? (uint64_t)json_integer_value(first) - 1 : membership->told;
}

void membership_ack(struct membership *membership, uint64_t seq)
{
    membership->acked = seq > membership->acked ? seq : membership->acked;
    membership->told = seq > membership->told ? seq : membership->told;
    seqs_drop(membership->unread_direct, membership->acked);
    seqs_drop(membership->unread, membership->acked);
}
