/* See mcp_keeper.h. While a bridge is at the hub it holds the turn of its place. A second bridge of
 * the same client in the same project finds that held, and takes the next place: CLIENT-2. */
#include "cmd/mcp_keeper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/visit.h"
#include "gateway/agent.h"
#include "wire/bounds.h"
#include "wire/clock.h"

#define PLACES_MAX 16u /* bridges of one client in one project */

static void let_go(struct membership_keeper *keeper)
{
    waiting_note_end(&keeper->note);
    if (keeper->open)
        place_leave(&keeper->place);
    membership_free(&keeper->member);
    free(keeper->unread);
    keeper->unread = NULL;
    keeper->open = false;
}

/* Takes the turn of that name's place, at once. 0; -1 when another has it; else an exit code. */
static int take_place(struct membership_keeper *keeper, const char *name, const char *room)
{
    struct membership_choice choice = {.state = keeper->state, .as = name, .room = room};
    keeper->place = (struct place){.turn = -1, .wait = -1};
    int code = place_make(keeper->command, &choice, &keeper->place);
    if (code == 0)
        code = place_take_turn(keeper->command, &keeper->place, time_monotonic_ms());
    if (code != 0)
        place_leave(&keeper->place);
    return code;
}

static int take_named(struct membership_keeper *keeper, const char *name, const char *room)
{
    int code = take_place(keeper, name, room);
    if (code < 0)
        complain(keeper->command,
                 "%s is at the hub by another khub here: nothing is kept of this one.", name);
    return code;
}

static int take_clients(struct membership_keeper *keeper, const char *client, const char *room)
{
    char name[WIRE_ID_MAX + 1];
    int code = -1;
    for (unsigned i = 1; i <= PLACES_MAX && code < 0; i++) {
        snprintf(name, sizeof name, i == 1 ? "%.64s" : "%.64s-%u", *client ? client : "agent", i);
        for (char *c = name; *c; c++)
            if (*c == '/' || *c == '.' || (unsigned char)*c < 0x20)
                *c = '-';
        code = take_place(keeper, name, room);
        if (keeper->state)
            break; /* there is but the one */
    }
    if (code < 0)
        complain(keeper->command, "too many clients are at the hub from here: nothing is kept.");
    return code;
}

static int compare(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* The two kinds of what was not shown, as one rising list. 0 or -1. */
static int read_past(struct membership_keeper *keeper, struct mail_past *past)
{
    const struct membership *member = &keeper->member;
    const json_t *lists[] = {member->unread_direct, member->unread}, *seq;
    size_t count = 0, i;
    uint64_t *unread =
        malloc((json_array_size(lists[0]) + json_array_size(lists[1]) + 1) * sizeof *unread);
    if (!unread)
        return -1;
    for (size_t list = 0; list < 2; list++) {
        json_array_foreach(lists[list], i, seq)
        {
            unread[count++] = (uint64_t)json_integer_value(seq);
        }
    }
    qsort(unread, count, sizeof *unread, compare);
    keeper->unread = unread;
    *past = (struct mail_past){
        .acked = member->acked, .told = member->told, .unread = unread, .unread_count = count};
    return 0;
}

/* The file that is there says who it is; it is never begun anew for another. */
static bool read_member(struct membership_keeper *keeper, struct khub_options *options,
                        struct mail_past *past)
{
    struct membership *member = &keeper->member;
    const char *room = options->room ? options->room : "main";
    char why[MEMBERSHIP_WHY_SIZE];
    if (membership_load(member, keeper->place.path, why) < 0) {
        complain(keeper->command, "%s", why);
        return false;
    }
    if (!member->ai_id || strcmp(member->hub, keeper->hub) != 0 ||
        strcmp(member->room, room) != 0 ||
        (options->ai_id && strcmp(member->ai_id, options->ai_id) != 0)) {
        complain(keeper->command, "%s is of %s in room %s at %s: nothing is kept of this one.",
                 keeper->place.path, member->ai_id ? member->ai_id : "nobody", member->room,
                 member->hub);
        return false;
    }
    options->ai_id = member->ai_id;
    options->resume_token = member->resume_token;
    return read_past(keeper, past) == 0;
}

static bool recall(struct mcp_keeper *face, const char *client, struct khub_options *options,
                   struct mail_past *ret_past)
{
    struct membership_keeper *keeper = (struct membership_keeper *)face;
    struct stat found;
    let_go(keeper);
    int code = options->ai_id ? take_named(keeper, options->ai_id, options->room)
                              : take_clients(keeper, client, options->room);
    if (code != 0)
        return false;
    keeper->open = true;
    waiting_note_begin(&keeper->note, keeper->place.path);
    if (lstat(keeper->place.path, &found) == 0 || errno != ENOENT) {
        if (read_member(keeper, options, ret_past))
            return true;
        let_go(keeper);
        return false;
    }
    if (membership_new(&keeper->member) < 0 ||
        membership_set(&keeper->member, "hub", keeper->hub) < 0 ||
        membership_set(&keeper->member, "room", options->room ? options->room : "main") < 0)
        let_go(keeper);
    return false;
}

/* What was not shown, of each kind so many as fit; `told` ends before the first that does not. */
static void write_unread(struct membership *member, const struct mailbox *mailbox)
{
    const struct mail *mail;
    json_array_clear(member->unread_direct);
    json_array_clear(member->unread);
    member->told = mailbox->newest;
    TAILQ_FOREACH (mail, &mailbox->messages, next) {
        json_t *list = mail->directed ? member->unread_direct : member->unread;
        if (mail->shown || mail->seq == 0)
            continue;
        if (json_array_size(list) == UNREAD_MAX) {
            member->told = mail->seq - 1;
            return;
        }
        json_array_append_new(list, json_integer((json_int_t)mail->seq));
    }
}

/* For who looks meanwhile. What has no seq is no message of others', and wakes nobody. */
static void came(struct mcp_keeper *face, struct agent *agent)
{
    struct membership_keeper *keeper = (struct membership_keeper *)face;
    const struct mailbox *mailbox = agent_mailbox(agent);
    struct waiting waiting = {.newest = mailbox->newest};
    const struct mail *mail;
    if (!keeper->open)
        return;
    TAILQ_FOREACH (mail, &mailbox->messages, next)
        if (mail->directed && !mail->shown && mail->seq > 0)
            waiting_add(&waiting, mail->seq, mail->sender);
    if (waiting_note_write(&keeper->note, &waiting) < 0 && !keeper->complained)
        complain(keeper->command, "%s: %s", keeper->note.path, strerror(errno));
    waiting_free(&waiting);
}

static void keep(struct mcp_keeper *face, struct agent *agent, bool gone)
{
    struct membership_keeper *keeper = (struct membership_keeper *)face;
    struct membership *member = &keeper->member;
    char why[MEMBERSHIP_WHY_SIZE] = "out of memory";
    if (!keeper->open)
        return;
    if (gone) {
        place_remove(&keeper->place);
        let_go(keeper);
        return;
    }
    const struct mailbox *mailbox = agent_mailbox(agent);
    member->acked = mailbox->acked;
    member->stays_s = keeper->stays_s;
    write_unread(member, mailbox);
    bool kept = membership_set(member, "ai_id", agent_id(agent)) == 0 &&
                membership_set(member, "resume_token", agent_resume_token(agent)) == 0 &&
                membership_save(member, keeper->place.path, why) == 0;
    if (!kept && !keeper->complained)
        complain(keeper->command, "%s", why);
    keeper->complained = !kept;
    came(face, agent);
}

void membership_keeper_begin(struct membership_keeper *keeper)
{
    keeper->face = (struct mcp_keeper){.recall = recall, .keep = keep, .came = came};
    keeper->place = (struct place){.turn = -1, .wait = -1};
    keeper->note.lock = -1;
}

void membership_keeper_end(struct membership_keeper *keeper)
{
    let_go(keeper);
}
