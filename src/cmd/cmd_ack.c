/* khub ack: a member has dealt with what it was shown. */
#include <inttypes.h>

#include "cmd/commands.h"
#include "cmd/stop.h"
#include "cmd/turn.h"

struct ack_settings {
    struct membership_choice choice;
    long seq;
    bool json;
};

/* Up to where; 0, or an exit code after a sentence. */
static int choose(const struct membership *member, long wanted, uint64_t *ret_seq)
{
    uint64_t shown = membership_shown(member), seq = wanted ? (uint64_t)wanted : shown;
    if (seq > member->told)
        return complain("ack",
                        "#%" PRIu64 " is not among what you were told of: the last is "
                        "#%" PRIu64 ".",
                        seq, member->told);
    if (seq > shown)
        return complain("ack",
                        "#%" PRIu64
                        " is for you and was not shown yet: 'khub recv' shows it. Up to "
                        "#%" PRIu64 " you may ack.",
                        shown + 1, shown);
    *ret_seq = seq;
    return 0;
}

/* How many that were only counted go with it. */
static size_t unread_upto(const json_t *unread, uint64_t seq)
{
    size_t count = 0;
    while (count < json_array_size(unread) &&
           (uint64_t)json_integer_value(json_array_get(unread, count)) <= seq)
        count++;
    return count;
}

/* 0, or -1: it hears of it with the next recv, which begins behind what was acked. */
static int tell_hub(struct turn *turn)
{
    struct text payload = {0};
    text_addf(&payload, "{\"seq\":%" PRIu64 "}", turn->member.acked);
    text_add(&payload, (struct slice){"", 1});
    turn->visit.quiet = true;
    int error =
        turn_join(turn) == 0 && ask(&turn->visit, MESSAGE_HEARTBEAT, &payload) == ASK_ANSWERED ? 0
                                                                                               : -1;
    text_free(&payload);
    return error;
}

static void tell(const struct ack_settings *settings, const struct membership *member,
                 size_t unread, bool heard)
{
    if (settings->json) {
        printf("{\"acked\":%" PRIu64 ",\"unread\":%zu,\"hub_knows\":%s}\n", member->acked, unread,
               heard ? "true" : "false");
        return;
    }
    printf("acked up to #%" PRIu64, member->acked);
    if (unread > 0)
        printf("; %zu of it you did not see (khub log has it)", unread);
    puts(heard ? "" : "; the hub is not there, and hears of it with your next recv");
}

static int run(const void *data)
{
    const struct ack_settings *settings = data;
    struct turn turn;
    uint64_t seq = 0;
    int code = turn_begin(&turn, "ack", &settings->choice);
    if (code == 0)
        code = choose(&turn.member, settings->seq, &seq);
    if (code == 0) {
        size_t unread = unread_upto(turn.member.unread, seq);
        membership_ack(&turn.member, seq);
        code = turn_keep(&turn);
        if (code == 0)
            tell(settings, &turn.member, unread, tell_hub(&turn) == 0);
    }
    turn_end(&turn);
    return code;
}

#define AT(member) .offset = offsetof(struct ack_settings, member)
static const struct setting options[] = {
    TURN_SETTING(struct ack_settings),
    JSON_SETTING(struct ack_settings, "As JSON: {\"acked\", \"unread\", \"hub_knows\"}."),
    {0},
};

static const struct setting operands[] = {
    {.name = "SEQ",
     .kind = SETTING_WHOLE,
     AT(seq),
     .low = 1,
     .high = 9007199254740992.0,
     .help = "Up to this number. Without it: all that you were shown, and what stands between."},
    {0},
};

const struct command command_ack = {
    .name = "ack",
    .summary = "say that you have dealt with what recv showed",
    .about =
        "What is acked does not come again. What you were shown and did not ack does, with "
        "'khub recv --again', also to whoever goes on in your place. What was for all and only "
        "counted goes with it, and is said; what is for you alone is never acked before you "
        "were shown it.",
    .example = "  khub ack\n  khub ack 41",
    .worked = "acked",
    .failed = "it could not be noted, or is not among what you were shown",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct ack_settings),
    .run = run,
};
