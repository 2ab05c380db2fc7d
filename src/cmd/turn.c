/* See turn.h. */
#include "cmd/turn.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "cmd/hub_tls.h"
#include "cmd/stop.h"
#include "wire/clock.h"

static void choose_text(const char **chosen, const char *kept)
{
    if (!*chosen)
        *chosen = kept;
}

void turn_know_hub(const struct membership *member)
{
    if (!hub_tls_chosen.ca && !hub_tls_chosen.fingerprint) {
        choose_text(&hub_tls_chosen.ca, member->ca);
        choose_text(&hub_tls_chosen.fingerprint, member->fingerprint);
    }
    if (!hub_tls_chosen.cert && !hub_tls_chosen.key) {
        choose_text(&hub_tls_chosen.cert, member->cert);
        choose_text(&hub_tls_chosen.key, member->key);
    }
    hub_token_open |= member->insecure;
}

/* Whose texts are the member's. */
static void visit_point(struct turn *turn)
{
    const struct membership *member = &turn->member;
    struct visit *visit = &turn->visit;
    visit->command = turn->command;
    visit->address = member->hub;
    visit->room = member->room;
    visit->ai_id = member->ai_id;
    visit->specialization = member->specialization;
    visit->token_file = member->token_file;
    visit->resume_token = member->resume_token;
}

int turn_read(struct turn *turn)
{
    char why[MEMBERSHIP_WHY_SIZE];
    membership_free(&turn->member);
    int error = membership_load(&turn->member, turn->place.path, why);
    visit_point(turn);
    return error == 0 ? 0 : complain(turn->command, "%s", why);
}

int turn_take(struct turn *turn, int64_t until)
{
    int code = place_take_turn(turn->command, &turn->place, until);
    if (code != 0)
        return code;
    if (access(turn->place.path, F_OK) < 0 && errno == ENOENT) {
        place_remove(&turn->place);
        return complain(turn->command, "there is no %s: 'khub join NAME' makes one.",
                        turn->place.path);
    }
    return turn_read(turn);
}

int turn_begin(struct turn *turn, const char *command, const struct membership_choice *choice)
{
    *turn = (struct turn){.command = command, .place = {.turn = -1, .wait = -1}};
    int code = place_choose(command, choice, &turn->place);
    stop_catch();
    if (code == 0)
        code = turn_take(turn, time_monotonic_ms() + TURN_WAIT_MS);
    if (code < 0)
        code = stop_asked()
                   ? EXIT_FAILED
                   : complain(command, "another khub command in this name does not come to its end "
                                       "(khub recv without --wait, say, claim…).");
    return code;
}

int turn_keep(struct turn *turn)
{
    char why[MEMBERSHIP_WHY_SIZE];
    if (membership_save(&turn->member, turn->place.path, why) == 0)
        return 0;
    return complain(turn->command, "%s", why);
}

/* The hub is another one, or began anew without what it had: what was read there says nothing of
 * what is here now. */
static void begin_anew(struct turn *turn, uint64_t seq)
{
    struct membership *member = &turn->member;
    turn->began_anew = true;
    complain(turn->command,
             "the hub at %s began anew: it is at #%llu, and you had read up to #%llu. You read on "
             "from now.",
             member->hub, (unsigned long long)seq, (unsigned long long)member->told);
    member->acked = member->told = seq;
    json_array_clear(member->unread_direct);
    json_array_clear(member->unread);
    json_array_clear(member->heard);
    json_array_clear(member->said);
    json_object_clear(member->leases);
}

/* There is one cursor, wherever it was moved: what was read through another door is not shown here;
 * and a hub that was not there when it was moved here hears of it (who resumes says it in its
 * hello). seq: the hub's now. */
static void agree_on_cursor(struct turn *turn, uint64_t seq)
{
    struct membership *member = &turn->member;
    struct visit *visit = &turn->visit;
    uint64_t cursor = khub_cursor(visit->link);
    char payload[48];
    if (cursor > member->acked) {
        membership_ack(member, cursor);
    } else if (cursor < member->acked && member->acked <= seq && !visit->resumes) {
        snprintf(payload, sizeof payload, "{\"seq\":%" PRIu64 "}", member->acked);
        khub_publish(visit->link, "heartbeat", payload, NULL, NULL);
    }
}

int turn_join(struct turn *turn)
{
    struct membership *member = &turn->member;
    struct visit *visit = &turn->visit;
    uint64_t seq = 0;
    for (size_t i = 0; i < json_array_size(member->capabilities) && i < LIST_MAX; i++)
        turn->capabilities[i] = json_string_value(json_array_get(member->capabilities, i));
    turn_know_hub(member);
    visit_point(turn);
    visit->capabilities = turn->capabilities;
    visit->stays_s = (unsigned)member->stays_s;
    visit->keeps_trying = visit->own_beats = true;
    if (!visit->data) {
        visit->data = &turn->ask;
        visit->message = ask_message;
    }
    int code = visit_begin(visit);
    if (code != 0)
        return code;
    json_u64(json_get(visit->sync, "seq"), &seq);
    if (visit->anew)
        begin_anew(turn, seq);
    agree_on_cursor(turn, seq);
    if (membership_set(member, "resume_token", khub_resume_token(visit->link)) < 0)
        return complain(turn->command, "out of memory");
    member->turns++;
    return turn_keep(turn);
}

void lease_keep(struct turn *turn, const char *key, struct json_value lease)
{
    uint64_t fence;
    if (json_u64(json_get(lease, "fence"), &fence) == 0)
        json_object_set_new(turn->member.leases, key, json_integer((json_int_t)fence));
    turn_keep(turn);
}

uint64_t lease_fence(const struct turn *turn, const char *key)
{
    struct json_value leases = json_get(turn->visit.sync, "leases"), lease;
    struct json_iterator iterator = {.rest = leases.raw};
    uint64_t fence = 0;
    while (leases.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &lease))
        if (json_string_is(json_get(lease, "key"), slice_of(key)))
            json_u64(json_get(lease, "fence"), &fence);
    return fence;
}

int lease_release(struct turn *turn, const char *key, uint64_t fence, bool done)
{
    struct text payload = {0};
    text_add_literal(&payload, "{\"key\":");
    text_add_string(&payload, slice_of(key));
    text_addf(&payload, ",\"fence\":%" PRIu64 ",\"done\":%s}", fence, done ? "true" : "false");
    text_add(&payload, (struct slice){"", 1});
    enum ask_result result = ask(&turn->visit, MESSAGE_LEASE_RELEASE, &payload);
    text_free(&payload);
    if (result == ASK_ANSWERED)
        return 0;
    return result == ASK_REFUSED ? ask_complain(&turn->visit) : EXIT_FAILED;
}

void turn_end(struct turn *turn)
{
    visit_end(&turn->visit);
    ask_free(&turn->ask);
    place_leave(&turn->place);
    membership_free(&turn->member);
}
