/* khub leave: a member that joined with khub join goes for good. */
#include <errno.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/turn.h"

struct leave_settings {
    struct membership_choice choice;
    bool forget;
};

/* What it holds it gives back at once, for nobody else should wait for it. */
static size_t give_back(struct turn *turn)
{
    struct json_value leases = json_get(turn->visit.sync, "leases"), lease;
    struct json_iterator iterator = {.rest = leases.raw};
    size_t count = 0;
    uint64_t fence;
    while (leases.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &lease)) {
        OWNED char *key = field_string(lease, "key");
        if (json_u64(json_get(lease, "fence"), &fence) == 0 &&
            lease_release(turn, key, fence, false) == 0)
            count++;
    }
    return count;
}

static int run(const void *data)
{
    const struct leave_settings *settings = data;
    struct turn turn;
    size_t given_back = 0;
    int code = turn_begin(&turn, "leave", &settings->choice);
    if (code == 0 && !settings->forget) {
        code = turn_join(&turn);
        if (code != 0)
            complain("leave", "--forget does without the hub.");
    }
    if (code == 0 && !settings->forget)
        given_back = give_back(&turn);
    if (code == 0) {
        turn.visit.leaves = true;
        visit_end(&turn.visit);
        if (place_remove(&turn.place) < 0)
            code = complain("leave", "%s: %s", turn.place.path, strerror(errno));
    }
    if (code == 0 && given_back > 0)
        printf("left; %zu %s given back\n", given_back, given_back == 1 ? "claim" : "claims");
    else if (code == 0)
        puts(settings->forget ? "forgotten" : "left");
    turn_end(&turn);
    return code;
}

#define AT(member) .offset = offsetof(struct leave_settings, member)
static const struct setting options[] = {
    TURN_SETTING(struct leave_settings),
    {.name = "forget",
     .kind = SETTING_FLAG,
     AT(forget),
     .help = "Only removes what is kept here; the hub is not told."},
    {0},
};

const struct command command_leave = {
    .name = "leave",
    .summary = "leave a hub that you joined with 'khub join'",
    .about = "Gives back what you claimed, leaves the hub, and removes the file that says who you "
             "are there.",
    .example = "  khub leave",
    .worked = "left",
    .failed = "the hub could not be reached, or the file could not be removed",
    .options = options,
    .settings_size = sizeof(struct leave_settings),
    .run = run,
};
