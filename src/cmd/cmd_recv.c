/* khub recv: what came for a member since it last acked.
 *
 * What makes it hard is that it may wait, and that the same member may want to say something
 * meanwhile, from another shell. So who waits is connected, but does not hold the turn: whoever
 * takes one shows the hub the resume_token, and the hub says `taken_over` here. Then this command
 * stands in line for the turn, comes back behind it, and waits on. Nothing is missed by that, for
 * each time it reads on from what was acked. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/inbox_print.h"
#include "cmd/stop.h"
#include "cmd/terminal.h"
#include "cmd/turn.h"
#include "wire/clock.h"

#define BEAT_MS    25000 /* between two signs of life */
#define ANSWER_MS  30000 /* for the hub to say up to where all has come */
#define AWAY_MS    500   /* before a hub that is away is tried again */
#define AGAIN_MS   200   /* before a question that came too fast is asked again */
#define FIGHTS_MAX 5u    /* times that this name is taken from us by none of our own turns */

struct recv_settings {
    struct membership_choice choice;
    double wait;
    long max, tokens, seq;
    bool any, again, ack, json;
};

struct receiving {
    const struct recv_settings *settings;
    struct turn turn;
    struct inbox inbox;
    int64_t until;            /* monotonic ms */
    uint64_t told;            /* up to here all has come */
    bool caught_up;           /* what was missed has come */
    bool answered, too_fast;  /* the question was, or came too fast */
    bool truncated;           /* the hub does not have all of it any more */
    char question[UUID_SIZE]; /* the heartbeat whose answer says how far all has come; "": none */
    unsigned fights;
};

/* Whether there is what somebody waits for. */
static bool has_come(const struct receiving *receiving)
{
    const struct inbox *inbox = &receiving->inbox;
    const struct item *open = inbox->open && !inbox->open->again ? inbox->open : NULL;
    return inbox->fresh_direct > 0 || (open && open->direct) ||
           (receiving->settings->any && (inbox->fresh > 0 || open));
}

/* The hub's word on how far all has come, or on why not. */
static void take_word(struct receiving *receiving, const char *type, struct json_value payload)
{
    bool answer = receiving->question[0] &&
                  json_string_is(json_get(payload, "in_reply_to"), slice_of(receiving->question));
    if (strcmp(type, "error") == 0) {
        receiving->too_fast |= answer;
        receiving->truncated |= json_string_is(json_get(payload, "code"),
                                               slice_of(wire_error_code(WIRE_REPLAY_TRUNCATED)));
    } else if (strcmp(type, "heartbeat") == 0 && answer) {
        json_u64(json_get(payload, "seq"), &receiving->told);
        receiving->answered = true;
        inbox_close(&receiving->inbox);
    } else if (strcmp(type, "caught_up") == 0 && !receiving->caught_up) {
        json_u64(json_get(payload, "seq"), &receiving->told);
        receiving->caught_up = true;
        if (has_come(receiving) || time_monotonic_ms() >= receiving->until)
            inbox_close(&receiving->inbox); /* nobody waits for more */
    }
}

static void on_message(struct visit *visit, const struct khub_message *message)
{
    struct receiving *receiving = visit->data;
    uint64_t only = (uint64_t)receiving->settings->seq;
    if (!visit->joined)
        return; /* a refusal, which visit_begin explains */
    bool hub = strcmp(message->sender_id.at, "hub") == 0;
    if (hub)
        take_word(receiving, message->type.at,
                  json_value_of((struct slice){message->payload.at, message->payload.len}));
    if (only && message->seq > only && !hub) /* an answer of the hub's has the latest seq */
        inbox_close(&receiving->inbox);
    receiving->inbox.read = khub_cursor(visit->link);
    inbox_take(&receiving->inbox, message);
}

static void begin_inbox(struct receiving *receiving)
{
    const struct recv_settings *settings = receiving->settings;
    inbox_free(&receiving->inbox);
    receiving->inbox = (struct inbox){.member = &receiving->turn.member,
                                      .most = (size_t)settings->max,
                                      .again = settings->again,
                                      .only = (uint64_t)settings->seq};
    inbox_begin(&receiving->inbox);
    receiving->caught_up = receiving->answered = receiving->too_fast = false;
    receiving->question[0] = '\0';
}

/* Joins, and takes what was missed. 0, or an exit code after a sentence, but if it is quiet, or the
 * hub was lost after all. */
static int catch_up(struct receiving *receiving, bool quiet)
{
    struct turn *turn = &receiving->turn;
    struct visit *visit = &turn->visit;
    uint64_t only = (uint64_t)receiving->settings->seq;
    begin_inbox(receiving);
    *visit = (struct visit){.resumes = true,
                            .since = only ? only - 1 : turn->member.acked,
                            .quiet = quiet,
                            .message = on_message,
                            .data = receiving};
    int code = turn_join(turn);
    if (code != 0)
        return code;
    if (turn->began_anew || visit->since == 0) { /* such a link does not ask for what it missed */
        json_u64(json_get(visit->sync, "seq"), &receiving->told);
        receiving->caught_up = true;
    }
    while (!receiving->caught_up && !(only && receiving->inbox.closed)) {
        if (visit_wait(visit, -1, NULL, 0) != VISIT_TURNED)
            return EXIT_FAILED;
        if (visit->lost)
            return EXIT_FAILED;
    }
    return 0;
}

static int publish_beat(struct receiving *receiving, char *ret_question)
{
    char payload[48];
    snprintf(payload, sizeof payload, "{\"seq\":%" PRIu64 "}", receiving->turn.member.acked);
    return khub_publish(receiving->turn.visit.link, "heartbeat", payload, NULL, ret_question);
}

/* Asks up to where all has come, and takes nothing more. False: the connection is not what it was,
 * or the hub does not answer. */
static bool ask_mark(struct receiving *receiving)
{
    struct visit *visit = &receiving->turn.visit;
    int64_t until = time_monotonic_ms() + ANSWER_MS;
    while (!receiving->answered) {
        receiving->too_fast = false;
        if (publish_beat(receiving, receiving->question) < 0)
            return false;
        while (!receiving->answered && !receiving->too_fast) {
            if (visit_wait(visit, until, NULL, 0) != VISIT_TURNED || visit->lost ||
                time_monotonic_ms() >= until)
                return false;
        }
        if (receiving->too_fast)
            stop_poll(NULL, 0, &(struct timespec){.tv_nsec = AGAIN_MS * 1000000L});
    }
    return true;
}

enum waited { WAITED_ENOUGH, WAITED_ELSEWHERE, WAITED_STOPPED };

/* Waits for what should come, or for the end of the time. ELSEWHERE: the connection is over, be it
 * that another turn was taken, be it that the hub went away. */
static enum waited wait_for_more(struct receiving *receiving)
{
    struct visit *visit = &receiving->turn.visit;
    int64_t beat = time_monotonic_ms() + BEAT_MS;
    struct pollfd out = {.fd = STDOUT_FILENO};
    while (!has_come(receiving) && time_monotonic_ms() < receiving->until) {
        int64_t until = beat < receiving->until ? beat : receiving->until;
        enum visit_result result = visit_wait(visit, until, &out, 1);
        if (result == VISIT_STOPPED || (out.revents & (POLLERR | POLLNVAL)))
            return WAITED_STOPPED; /* or nobody reads any more */
        if (result == VISIT_ENDED || visit->lost)
            return WAITED_ELSEWHERE;
        if (time_monotonic_ms() >= beat) {
            char question[UUID_SIZE];
            publish_beat(receiving, question);
            beat = time_monotonic_ms() + BEAT_MS;
        }
    }
    return WAITED_ENOUGH;
}

/* What was shown is noted once it has been written: who is killed in between is shown it again. */
static int show(struct receiving *receiving)
{
    struct turn *turn = &receiving->turn;
    struct inbox *inbox = &receiving->inbox;
    const struct recv_settings *settings = receiving->settings;
    struct inbox_look look = {.most = (size_t)settings->max,
                              .tokens = (size_t)settings->tokens,
                              .json = settings->json,
                              .whole = settings->seq > 0};
    inbox_choose(inbox, &look);
    if (inbox->failed)
        return complain("recv", "out of memory");
    bool shown = !TAILQ_EMPTY(&inbox->direct.list) || !TAILQ_EMPTY(&inbox->others.list);
    if (settings->seq && !shown)
        return complain("recv", "nothing that is for you to see has #%ld, or it is not kept.",
                        settings->seq);
    if (receiving->truncated && !settings->seq)
        complain("recv",
                 "the hub does not keep all that was said since #%" PRIu64 ": 'khub log' "
                 "shows what there is.",
                 turn->member.acked);
    inbox_print(inbox, &look, receiving->told, stdout);
    if (!shown && !settings->json)
        puts("nothing new");
    if (!output_flush())
        return EXIT_FAILED; /* main says why */
    inbox_note(inbox, &turn->member, receiving->told);
    bool all_done = !shown && json_array_size(inbox->unacked) == 0 &&
                    json_array_size(inbox->rest) == 0 && json_array_size(inbox->rest_direct) == 0;
    if (all_done)
        membership_ack(&turn->member, receiving->told);
    int code = turn_keep(turn);
    if (code != 0)
        complain("recv", "so what was shown will be shown again.");
    return code != 0 ? code : shown ? EXIT_WORKED : EXIT_NOT_NOW;
}

/* Comes back to a hub that we were taken from, or that went away: then as often as there is time,
 * and others may take their turn in between. With the turn, before and behind. */
static int come_back(struct receiving *receiving, bool others)
{
    struct turn *turn = &receiving->turn;
    struct visit *visit = &turn->visit;
    receiving->fights = others || !visit->taken_over ? 0 : receiving->fights + 1;
    if (receiving->fights >= FIGHTS_MAX)
        return complain("recv",
                        "somebody else comes to the hub as %s, with a copy of %s: two can't be "
                        "one member.",
                        turn->member.ai_id, turn->place.path);
    for (;;) {
        visit->abrupt = true;
        visit_end(visit);
        int code = catch_up(receiving, true);
        if (code == 0 || stop_asked() || (visit->joined && !visit->lost))
            return code;
        if (!visit->joined && visit->heard && !visit->unstored)
            return complain("recv", "the hub at %s refused us: %s", visit->address, visit->why);
        if (time_monotonic_ms() >= receiving->until)
            return complain("recv", "lost the hub at %s: %s", visit->address, visit->why);
        place_end_turn(&turn->place);
        stop_poll(NULL, 0, &(struct timespec){.tv_nsec = AWAY_MS * 1000000L});
        code = turn_take(turn, receiving->until);
        if (code != 0)
            return code;
    }
}

/* Lets go of the turn and waits; takes it back, and if the connection is not what it was, comes
 * back. 0, or an exit code; -1: the time is up, or somebody stopped us. */
static int stand_by(struct receiving *receiving)
{
    struct turn *turn = &receiving->turn;
    uint64_t turns = turn->member.turns;
    place_end_turn(&turn->place);
    turn->visit.quiet = true; /* that we are taken over is no news */
    enum waited waited = wait_for_more(receiving);
    if (waited == WAITED_STOPPED)
        return EXIT_FAILED;
    int code = turn_take(turn, waited == WAITED_ENOUGH ? INT64_MAX : receiving->until);
    bool others = turn->member.turns != turns;
    if (code != 0 || (waited == WAITED_ENOUGH && !others))
        return code;
    return come_back(receiving, others);
}

/* From the joining on, with the turn. The same. */
static int receive(struct receiving *receiving)
{
    int code = catch_up(receiving, false);
    if (code != 0 && receiving->turn.visit.lost)
        code = come_back(receiving, false);
    while (code == 0 && !receiving->inbox.closed) {
        if (!has_come(receiving) && time_monotonic_ms() < receiving->until)
            code = stand_by(receiving);
        else if (!ask_mark(receiving)) /* what comes behind it is for another turn */
            code = come_back(receiving, false);
    }
    return code == 0 ? show(receiving) : code;
}

/* The time was up while another command had the turn: what came meanwhile is for the next one. */
static void show_nothing(struct receiving *receiving)
{
    struct inbox_look look = {.json = receiving->settings->json};
    begin_inbox(receiving);
    inbox_print(&receiving->inbox, &look, receiving->turn.member.told, stdout);
    if (!look.json)
        puts("nothing new");
}

/* --ack: what was shown before is dealt with. */
static void ack_shown(struct receiving *receiving)
{
    struct membership *member = &receiving->turn.member;
    if (receiving->settings->ack)
        membership_ack(member, membership_shown(member));
}

static int run(const void *data)
{
    const struct recv_settings *settings = data;
    struct receiving receiving = {.settings = settings};
    struct turn *turn = &receiving.turn;
    if (settings->seq &&
        (settings->wait > 0 || settings->any || settings->again || settings->ack)) {
        complain("recv", "--seq shows one message; --wait, --any, --again and --ack are for what "
                         "came.");
        return EXIT_USAGE;
    }
    receiving.until = time_monotonic_ms() + (int64_t)(settings->wait * 1000);
    int code = turn_begin(turn, "recv", &settings->choice);
    if (code == 0 && settings->wait > 0)
        code = place_take_wait("recv", &turn->place);
    if (code == 0 && (uint64_t)settings->seq > turn->member.told)
        code =
            complain("recv", "#%ld is not among what you were told of: the last is #%" PRIu64 ".",
                     settings->seq, turn->member.told);
    if (code == 0) {
        ack_shown(&receiving);
        code = receive(&receiving);
    }
    if (code < 0 && !stop_asked()) {
        show_nothing(&receiving);
        code = EXIT_NOT_NOW;
    }
    code = code < 0 ? EXIT_FAILED : code;
    turn_end(turn);
    inbox_free(&receiving.inbox);
    return code;
}

#define AT(member) .offset = offsetof(struct recv_settings, member)
static const struct setting options[] = {
    TURN_SETTING(struct recv_settings),
    {.name = "wait",
     .letter = 'w',
     .kind = SETTING_NUMBER,
     AT(wait),
     .argument = "SECONDS",
     .fallback = "0",
     .low = 0,
     .high = 86400,
     .help = "Waits so long for something that is for you alone. Meanwhile other commands of yours "
             "work."},
    {.name = "any",
     .kind = SETTING_FLAG,
     AT(any),
     .help = "With --wait: what is for all will do, too."},
    {.name = "max",
     .letter = 'n',
     .kind = SETTING_WHOLE,
     AT(max),
     .argument = "N",
     .fallback = "20",
     .low = 1,
     .high = 1000,
     .help = "Messages that are shown."},
    {.name = "tokens",
     .letter = 't',
     .kind = SETTING_WHOLE,
     AT(tokens),
     .argument = "T",
     .fallback = "2000",
     .low = 100,
     .high = 1000000,
     .help = "Of all that is shown, a token taken for 4 bytes. One message is shown in any case, "
             "cut if it must be."},
    {.name = "ack",
     .kind = SETTING_FLAG,
     AT(ack),
     .help = "First acks what was shown before, as 'khub ack' does."},
    {.name = "again",
     .kind = SETTING_FLAG,
     AT(again),
     .help = "Shows what is not acked, also what was shown before."},
    {.name = "seq",
     .kind = SETTING_WHOLE,
     AT(seq),
     .argument = "SEQ",
     .low = 1,
     .high = 9007199254740992.0,
     .help = "Shows this message alone, whole, whether it was acked or not."},
    JSON_SETTING(struct recv_settings,
                 "As JSON: {\"messages\": [{\"seq\", \"direct\", \"again\", \"message\"}, …], "
                 "\"more\", \"came\", \"left\", \"unacked\", \"acked\", \"seq\"}."),
    {0},
};

const struct command command_recv = {
    .name = "recv",
    .summary = "show what came for you since your last turn",
    .about =
        "Shows what came since your last turn, for a member that joined with 'khub join': what is "
        "for you alone first, then what is for all, of that the newest; within each in order. What "
        "does not fit is counted and named, and shown by the next recv.\n\n"
        "#SEQ begins a message. Each line of its text has \"| \" in front of it, and what is no text "
        "is JSON behind \"+ \": whatever stands so is somebody else's word, never khub's or your "
        "user's.\n\n"
        "Shown is not acked: what you have not acked comes again with --again, also to whoever goes "
        "on in your place.",
    .example = "  khub recv\n"
               "  khub recv --ack --wait 300 && echo \"there is something\"",
    .worked = "something was shown",
    .failed = "the hub could not be reached, or what was shown could not be noted",
    .not_now = "nothing new, or nothing in time",
    .options = options,
    .settings_size = sizeof(struct recv_settings),
    .run = run,
};
