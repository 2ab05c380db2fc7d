/* The simulation: a hub among simulated AIs, and a model of what it must do.
 *
 *     traffic.c   what an AI might say, well or ill, from one stream of random numbers
 *     world.c     the edge: connections, out-streams, logs; records what the hub does in a call
 *     model.c     who is where, and what every call must cause; its parts are members.c,
 *                 sessions.c, shares.c, ledger.c
 *     check.c     what it did cause against what it had to; the hub's state against the model's
 *     replay.c    entries and their effects, once more on a fresh hub
 *     leases.c, approvals.c, tasks.c, artifacts.c    these, in worlds without a model
 *     letters.c   direct messages that were not taken, in all worlds
 *     moderation.c    what the one that is an admin does
 *     async.h     the same on logs that commit later, with crashes and restarts
 *     sim.c       seeds, steps, the report
 *
 * The model is written from docs/PROTOCOL.md and shares no code with core/ beyond the tables of
 * wire/types.h and the limits. One step is one call of the hub. What a call must cause is a list of
 * expectations; each delivery and close must meet one of them, and none may be left. */
#ifndef KHUB_TESTS_SIM_H
#define KHUB_TESTS_SIM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "artifacts.h"
#include "core/hub.h"
#include "letters.h"
#include "tasks.h"
#include "wire/text.h"

/* ── random numbers: splitmix64 ── */

struct chance {
    uint64_t state;
};
uint64_t chance_next(struct chance *chance);
/* 0 .. count - 1 */
unsigned chance_below(struct chance *chance, unsigned count);
bool chance_one_in(struct chance *chance, unsigned count);
uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len);

/* ── the pools from which everything is drawn ── */

enum { NAMES = 14, STRANGERS = 3, CAPABILITIES = 12, SPECIALIZATIONS = 6, KEYS = 5, ROOMS = 7 };
enum { ADMIN = 1 };                            /* this name's, whenever it says hello */
enum { NOBODY = -1, STRANGER = -2, HUB = -3 }; /* beside indices of names */
extern const char *const names[NAMES], *const strangers[STRANGERS];
extern const char *const capabilities[CAPABILITIES];
extern const char *const specializations[SPECIALIZATIONS];
extern const char *const room_names[ROOMS], *const keys[KEYS];

/* ── the model's state ── */

enum { LINKS = 24, CAPABILITIES_EACH = 6 };

struct link { /* a connection */
    bool open;
    peer_id id;
    int room, name; /* NOBODY until it has joined */
    unsigned bad_lines;
    int64_t heard;
    uint64_t seq; /* the highest it was told */
    unsigned generation;
    char unkept[48]; /* message_id of what could not be kept, not named since; "": none is */
};

/* The last message of a member's that was acked; an older one is never said again. */
struct receipt_model {
    char message_id[48];
    uint64_t seq;
    bool delivered;
};

struct member {
    bool seen, observer, ready, acks, admin;
    struct receipt_model receipt;
    int link;       /* NOBODY: away, if it stays, or gone */
    unsigned stays; /* seconds for which it is away, and not gone; 0: it does not stay */
    int level;
    int specialization; /* NOBODY: "general" */
    int capabilities[CAPABILITIES_EACH];
    unsigned capability_count;
    int64_t heard; /* of one who is not connected: when it went */
    char token[40];
};
/* Between its connections; and, that or connected, not gone. */
static inline bool member_away(const struct member *member)
{
    return member->link == NOBODY && member->stays;
}
static inline bool member_here(const struct member *member)
{
    return member->link != NOBODY || member->stays;
}

enum { AWAITED = 256 };

enum section { PATTERNS, COMPONENTS, FEATURES, BENCHMARKS, SECTIONS };
extern const char *const section_names[SECTIONS];

struct score {
    int reporter;
    double score; /* negative: none */
    int held;     /* the commitment whose seal holds it back; NOBODY: none does */
};

/* ── the ledger ── */

enum { SUBJECTS = 3, VERSIONS = 2, PARAMETER_SETS = 5, MODULES = 3, PARENTS = 3 };
/* What can be committed to: the sets of parameters, and behind them the modules. */
enum { SETS = PARAMETER_SETS + MODULES };
extern const char *const subjects[SUBJECTS], *const versions[VERSIONS];

/* Who committed to what: everything by its index in the pools. */
struct commitment_model {
    char id[40], nonce[40]; /* "": nobody was told */
    char asked[48];         /* the message_id that is to be answered */
    int name, subject, version, set;
    bool waits;     /* its epoch has not ended */
    unsigned epoch; /* the number of that, from 1, in all rooms */
    unsigned sets;  /* of its author in it, once it has ended */
    double ratio;   /* what its author measured; 0: it has not said */
    bool claimed;
    bool revealed; /* its claims are told; else they are sealed */
    bool running;  /* the time of those that are began at `since` */
    int64_t since;
};

enum claim_state { CLAIMED, CONFIRMED, REFUTED, CONTESTED, CLAIM_STATES };
extern const char *const claim_state_names[CLAIM_STATES];

struct verifier_model {
    int name;
    bool agrees, counts, in_sight;
    double ratio; /* 0: could not measure it */
};

struct claim_model {
    bool live;
    int commitment; /* index in the room's */
    double ratio;
    unsigned seeds;
    enum claim_state state;
    struct verifier_model verifiers[NAMES]; /* the latest last */
    unsigned verifier_count;
    size_t parents[PARENTS]; /* indices of entries */
    unsigned parent_count;
    unsigned settled[CLAIM_STATES]; /* of former revisions */
};

struct entry_model {
    enum section section;
    char *key, *body, *own_id, *timestamp;
    int contributor;
    unsigned usage, report_count;
    int *held; /* benchmarks: of each report, the oldest first, the same; owned */
    bool tested;
    bool retracted;
    uint64_t *shared_at; /* seqs of its shares; owned */
    size_t share_count;
    bool loose;                 /* benchmarks: there was a time when nothing had this id */
    struct score scores[NAMES]; /* the latest of each reporter, in the order of reporting */
    unsigned score_count;
    struct claim_model claim;
};

struct awaited_model {
    uint64_t seq;
    int sender, target;
    char message_id[48];
    int64_t since, wait;
};

/* A reply that was accepted. */
struct chain_model {
    char message_id[48];
    int sender;
    unsigned depth;
    int64_t said; /* on the wall's clock */
};

/* Of an id, or of an owner. */
struct ban_model {
    bool made;
    int64_t until; /* on the wall's clock; 0: for ever */
};

enum order_action {
    ORDER_KICK,
    ORDER_BAN,
    ORDER_UNBAN,
    ORDER_READ_ONLY,
    ORDER_WRITABLE,
    ORDER_RETRACT
};
/* What a moderation orders. */
struct order_said {
    enum order_action action;
    bool is_owner; /* it names an owner: here each is its own */
    int name;
    unsigned for_s; /* 0: for ever */
    char reason[40];
    char id[600]; /* of the knowledge that is taken back, */
    uint64_t seq; /* or if it is not 0, of the message */
};

enum state { PENDING, ACTIVE, COMPLETED, FAILED, CANCELLED, DECLINED, EXPIRED, ABANDONED, STATES };
extern const char *const state_names[STATES];

struct slot_model {
    char *value;
    unsigned version;
};

struct session_model {
    char id[40];
    int initiator, target; /* target NOBODY: everyone */
    enum state state;
    int participants[PARTICIPANTS_MAX];
    unsigned participant_count;
    double progress;
    int64_t since;
    struct slot_model workspace[KEYS];
};

struct room_model {
    bool exists;
    struct member members[NAMES];
    int seats[NAMES]; /* names, in the order of joining */
    unsigned seat_count;
    int away[NAMES]; /* names, in the order of going */
    unsigned away_count;
    struct entry_model *entries;
    size_t entry_count, entry_capacity;
    struct session_model *sessions;
    size_t session_count, session_capacity;
    struct commitment_model *commitments;
    size_t commitment_count, commitment_capacity;
    struct epoch_model {
        unsigned number; /* 0: none is under way */
        int64_t since;
    } epochs[SUBJECTS][VERSIONS];
    unsigned mismatched[NAMES];
    struct chain_model *chains; /* the oldest first */
    size_t chain_count;
    struct ban_model bans[2][NAMES]; /* of ids, of owners */
    bool read_only;
    struct awaited_model awaited[AWAITED];
    size_t awaited_count;
    uint64_t seq;  /* of the last entry that a log of this name had */
    size_t logged; /* entries in its log */
};

/* Messages accepted in a room: in the last day in which there were any. */
struct day_model {
    int64_t day;
    uint64_t said;
};

/* ── what a call causes ── */

/* Where a line lies in a stream of the simulated edge. */
struct span {
    uint32_t stream, len;
    uint64_t offset;
};

struct caused {
    int link;
    struct span span;
    const char *line; /* in the stream; len without the line's end */
    size_t len;
    json_t *object;
    bool met;
};

struct expected {
    int link, room, level; /* as they were when it was expected */
    enum message_type type;
    bool relay;     /* the line that was said; else one that the hub makes */
    int sender;     /* HUB or a name */
    int target;     /* NOBODY: null or absent */
    uint64_t codes; /* of an error: a bit for each code it may bear */
    int session;    /* of collaboration messages; NOBODY: none */
    enum state state;
    double progress;
    unsigned participants;
    int key;   /* of workspace messages */
    int entry; /* of a verification: index in the room's; NOBODY: none */
    enum claim_state was, is;
    unsigned agreeing, disagreeing, in_sight;
    const struct letter_model *letter; /* that is sent again: its line; else NULL */
    bool met;
};

struct expected_close {
    int link;
    enum close_reason reason;
    bool met;
};

struct stream {
    char *at;
    size_t len, capacity;
};

/* An entry that was applied, and its effects as record_effect writes them. */
struct logged {
    int room;           /* NOBODY: of a room that was let go since */
    struct entry entry; /* the bytes are a copy */
    struct text effects;
};

struct record {
    struct logged *at;
    size_t count, capacity;
};

/* What others were told of each seq of a room. */
enum heard_kind { HEARD_NOTHING, HEARD_MESSAGE, HEARD_RETRACTED };
struct heard {
    enum heard_kind *at; /* owned */
    size_t count;
};

enum { TAKEN_MAX = 1024 };

enum { CAUSED_MAX = 4096, STREAMS = 2 * ROOMS + 2 };

enum { TYPE_WEIGHTS = 32, STEP_WEIGHTS = 8 }; /* of what is said, then of what is done */

/* How one seed's world differs from another's. */
struct temper {
    unsigned weights[TYPE_WEIGHTS + STEP_WEIGHTS];
    unsigned hostile;   /* one in so many messages is ill */
    unsigned log_fails; /* one in so many messages is not kept by the log; 0: none */
    bool villains;      /* some connections say garbage, line after line */
    bool limited;       /* a rate limit is set */
    bool small;         /* knowledge_max is small */
    int rooms;          /* the first so many are spoken of */
    bool leases; /* and the like are spoken of: where no model foretells what comes of them */
};

/* As the hub has told it so far. */
struct lease_model {
    char holder[160]; /* "": nobody */
    uint64_t fence;   /* of the last that was granted */
};

/* The same of a question. */
struct approval_model {
    uint64_t seq; /* its id */
    char asker[160];
    bool decided;
};
struct approvals_model {
    struct approval_model *list;
    size_t count;
};

struct world {
    uint64_t seed;
    const char *mode; /* the option that a replay of it needs, "" or " --restarts" */
    struct chance chance, faults;
    struct temper temper;
    struct hub_config config;
    struct hub *hub;
    int64_t now, clock;
    bool started;          /* the clock has a first reading */
    unsigned step, sleepy; /* sleepy: so many steps yet in which little is said */
    bool verbose;

    struct link links[LINKS];
    struct room_model rooms[ROOMS];
    size_t stored;              /* bytes of knowledge in all rooms, before this call */
    uint64_t accepted, refused; /* messages */

    struct stream streams[STREAMS];
    struct caused *caused;
    size_t caused_count;
    int closed[LINKS]; /* reason + 1, in this call */
    char made_id[600]; /* of the last knowledge note in this call */
    size_t made_id_len;
    char session_noted[40];
    bool log_failed;
    struct expected *expected;
    size_t expected_count;
    struct expected_close closes[LINKS];
    size_t close_count;

    struct record record;
    struct logged *applying; /* the entry that is being applied, or NULL */
    uint32_t effects;        /* that it had so far */
    struct text again;       /* effects of the entry that is replayed */
    uint64_t hash;

    char last_said[NAMES][48]; /* message_ids */
    struct lease_model leases[ROOMS][KEYS];
    struct approvals_model approvals[ROOMS];
    struct letters_model letters[ROOMS];
    struct tasks_model tasks[ROOMS];
    struct artifacts_model artifacts[ROOMS];
    struct day_model days[ROOMS];
    struct heard heard[ROOMS];
    uint64_t taken[TAKEN_MAX]; /* seqs that are shown no more, by the entry that is applied */
    size_t taken_count;
    struct letter_model handled; /* the last that was sent again or dropped, as it was */
    peer_id resumed;             /* who resumed in this call, 0: nobody; */
    uint64_t resumed_since;      /* and behind what */

    uint64_t *secrets; /* what was derived so far: a hash set, 0: free */
    size_t secret_count, secret_capacity;
    uint64_t answers;
    unsigned epochs; /* that have begun */

    char why[1024]; /* the first thing that was wrong; "" while all is well */
};

/* Notes what is wrong; the first counts. */
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_say(const struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool world_failed(const struct world *world);

/* ── leases.c ── */
/* What an effect says of a lease must go with what was said before. */
void leases_follow(struct world *world, const struct effect *effect);

/* ── touches.c ── */
/* A path_warning tells of paths that overlap, and are not one AI's. */
void touches_follow(struct world *world, const struct effect *effect);

/* ── approvals.c ── */
/* The same of an approval. */
void approvals_follow(struct world *world, const struct effect *effect);
void approvals_clear(struct approvals_model *approvals);

/* ── world.c ── */
/* Without a hub. */
void world_new(struct world *world, uint64_t seed, bool verbose);
/* A hub on a log that commits at once, whose every call the model predicts. */
void world_serve(struct world *world);
/* Limits that are soon reached, each in some worlds. */
void world_config_draw(struct world *world);
/* An effect is the applied entry's, the next of it; or an answer, while nothing is applied. */
void world_effect(struct world *world, const struct effect *effect);
/* What is derived twice is an id twice the same, or a resume_token that stands in somebody's
 * message_id. */
void world_secret(struct world *world, const uint8_t bytes[16]);
/* Nobody and nothing is in it any more; what is said of its log stays. */
void room_model_clear(struct room_model *room);
/* The room was let go, and its entries with it; seqs never come twice. */
void world_forget(struct world *world, int room);
void world_free(struct world *world);
/* Before each call of the hub. */
void world_begin(struct world *world);
/* What this world derives: the same for the same. */
void world_derive(struct slice room, uint64_t seq, uint32_t count, uint8_t ret_bytes[16]);
/* What stands for SHA-256. */
void world_digest(const struct slice *parts, unsigned count, uint8_t ret_digest[32]);
struct slice room_slice(int room);
int room_index(struct slice name);

/* ── replay.c ── */
/* Appends a copy of the entry, with no effects yet. The pointer is good until the next one. */
struct logged *record_entry(struct record *record, int room, const struct entry *entry);
/* Everything of an effect that must come out the same in a replay. */
void record_effect(struct text *text, const struct effect *effect);
void record_free(struct record *record);
/* A hub that only replays: its effects go to world->again, nobody hears of them. */
struct hub *mute_hub(struct world *world);
/* All that a hub holds, a text for each room. */
void dump_rooms(const struct hub *hub, struct text texts[ROOMS]);
void dump_free(struct text texts[ROOMS]);
void compare_texts(struct world *world, const struct text *before, const struct text *after,
                   const char *what, const char *which);
void compare_dumps(struct world *world, const struct hub *replayed, const struct text before[ROOMS],
                   const char *which);
/* Applies it to a hub whose effects go to world->again, and compares those with the recorded. */
void replay_entry(struct world *world, struct hub *hub, const struct logged *logged);
/* The entries of the run, applied to a fresh hub, leave the same state and cause the same effects:
 * in the order of the run, and room after room. */
void replay(struct world *world, size_t before_stop, const struct text running[ROOMS],
            const struct text stopped[ROOMS]);

/* ── checkpoint.c ── */
/* The state, written as rows and read by another hub, is the same state. */
void reload_check(struct world *world);

/* ── what is said ── */

enum hello_role { ROLE_NONE, ROLE_MEMBER, ROLE_OBSERVER };

struct said {
    int link;
    int sender; /* name, HUB, or STRANGER: another AI's */
    enum message_type type;
    int target;     /* name, STRANGER or NOBODY */
    uint64_t flaws; /* codes that its own form demands: bits of enum wire_error */
    bool bad_line;  /* it is no message at all, or not this sender's: counted */
    bool again;     /* under the message_id of what its sender said last, or was not kept */
    bool gives_up;  /* a heartbeat that names what was not kept */
    char message_id[48], timestamp[40];
    char *line; /* as sent, owned */
    size_t len;
    const char *core; /* the line without white space around it */
    size_t core_len;

    /* payload, by type */
    struct {
        int room, level, specialization;
        bool observer, ready, acks, secret;
        unsigned stays;
        bool cut; /* it asked for less of a sync */
        bool resumes;
        uint64_t since;
        int capabilities[CAPABILITIES_EACH];
        unsigned capability_count;
        char token[40];
    } hello;
    char id[600], own_id[64], name[64]; /* share, report, component */
    unsigned reply_by;                  /* seconds; 0: none is asked for */
    char in_reply_to[48];
    char *body; /* the object shared, owned */
    bool complete, tested, accepted;
    double score, progress; /* negative: none */
    int feature;            /* capability index whose text is asked for */
    char feature_text[64];
    struct dead_said dead;
    struct order_said order;
    int asked;           /* of a collaboration_request: name, STRANGER or NOBODY */
    char session_id[40]; /* "" none */
    enum state end;      /* of an update: FAILED, CANCELLED, or PENDING for none */
    int key;
    char *value; /* owned */
    uint64_t base_version;
    int subject, version, set; /* of a commitment */
    char commitment_id[40];    /* of a measurement, */
    double ratio;              /* and this */
    bool held;                 /* a report that goes to nobody */
    struct {
        bool made;
        char id[40], nonce[40];
        int subject, version, set;
        double ratio;
        unsigned seeds;
        char parents[PARENTS][600];
        unsigned parent_count;
    } claim;
    struct {
        bool made;
        char nonce[40];
        unsigned n;
        double ratio; /* 0: none */
        bool denied;  /* claim_holds is false */
    } measured;
};
#define FLAW(code) (1ull << WIRE_##code)

/* ── sim.c ── */
/* A slot that is (or is not) in use; NOBODY when there is none. */
int pick_link(struct world *world, bool open);
/* Some time passes. */
void step_time(struct world *world);
/* What is said should the hub die in this step. */
void remember(const struct world *world);

/* ── traffic.c ── */
/* Fills *ret_said with something for an open link to say. */
void traffic_say(struct world *world, int link, struct said *ret_said);
void said_free(struct said *said);

/* ── model.c: what a call must cause; each is called after the hub's, on the state before it ── */
void model_line(struct world *world, struct said *said);
void model_too_long(struct world *world, int link);
void model_gone(struct world *world, int link, enum close_reason reason);
void model_expel(struct world *world, int link, enum close_reason reason, enum wire_error error);
void model_tick(struct world *world);
void model_stop(struct world *world);
void model_clock(struct world *world, int64_t now);
/* A message was accepted there; is that what the hub has of its day? */
void model_day_said(struct day_model *day, int64_t now);
void model_day_check(struct world *world, const struct day_model *day, const json_t *dump);
/* Replies in a row, with this one; and may it be refused for that? */
unsigned model_chain_depth(const struct world *world, const struct said *said, int at);
uint64_t model_chain_codes(const struct world *world, const struct said *said, int at);
void model_chain_said(struct world *world, const struct said *said, int at);

struct expected *expect_made(struct world *world, int link, enum message_type type, int sender,
                             int target);
void expect_error(struct world *world, int link, uint64_t codes);
void expect_close(struct world *world, int link, enum close_reason reason);
/* To a name in the room, if it is connected and its level receives the type. NULL when not. */
struct expected *expect_made_to(struct world *world, int room, int name, enum message_type type,
                                int sender, int target);
int link_level(const struct world *world, int link);
/* What the token of a name lets it see when it observes (sim_let_in). */
enum sees model_sees(int name);
/* Does it observe, and is it shown what is said to others? */
bool model_oversees(const struct room_model *room, int name);
void model_presence(const struct room_model *room, struct presence ret_presence[NAMES]);

/* members.c */
uint64_t model_hello_codes(struct world *world, const struct said *said);
void model_member_join(struct world *world, const struct said *said, int room);
void model_member_hello(struct world *world, const struct said *said, int room);
void model_member_leave(struct world *world, int link, enum close_reason reason);
/* Who is away is gone. */
void model_member_stay_no_more(struct world *world, int room, int name);
void model_stays_tick(struct world *world, int room);
const char *model_specialization(const struct member *member);
/* Does a hello leave all that others are told of the member as it was? */
bool model_member_same(const struct member *before, const struct member *now);
/* Nobody is in it, nothing is known and nothing under way: it may go when another needs its
 * place. */
bool model_room_idle(const struct world *world, const struct room_model *room);
int model_member_room(const struct world *world, const struct said *said);
/* Does it ask for one room more than this hub keeps? */
bool model_member_crowds(const struct world *world, const struct said *said, int room);
unsigned model_member_sessions(const struct room_model *room, int name);
unsigned model_member_score(const struct room_model *room, int name);

/* moderation.c */
/* hub_edge.let_in: everybody, and one as an admin. */
int sim_let_in(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
               struct refusal *ret_refusal);
/* Of who has not joined. */
uint64_t model_ban_codes(const struct world *world, const struct said *said, int room);
bool model_bans_hold(const struct world *world, const struct room_model *room);
/* Of what changes a room that is read-only. */
uint64_t model_read_only_codes(const struct world *world, const struct said *said, int room);
/* Of what speaks of an id that an admin took back. */
uint64_t model_retracted_codes(const struct world *world, const struct said *said, int room);
uint64_t model_order_codes(struct world *world, const struct said *said, int room);
void model_order_apply(struct world *world, const struct said *said, int room);
void check_moderation(struct world *world, const json_t *payload, const struct said *said);
void check_moderation_result(struct world *world, int room, const json_t *payload);
/* retractions.c */
/* An effect of the entry that is being applied. */
void heard_effect(struct world *world, const struct effect *effect);
void heard_clear(struct world *world, int room);
/* hub_edge.retract, of the entry that is being applied; heard_settle when it is. */
void world_retract(struct world *world, const struct hub_retraction *retraction);
void record_retraction(struct text *text, const struct hub_retraction *retraction);
void heard_settle(struct world *world, int room);
/* Why that message can't be taken back; 0: it can. */
uint64_t model_heard_codes(struct world *world, int room, uint64_t seq);
/* The entry is taken back: how many of its messages go with it. */
size_t model_taken_shares(struct world *world, int room, const struct entry_model *entry);
/* That message was taken back (0: none by its seq), and so many shares, it among them if it is
 * one. */
void model_taken(struct world *world, int room, uint64_t seq, size_t shares);

/* What of a dump is an admin's doing. */
void check_moderated(struct world *world, const struct room_model *room, json_t *dump);

/* shares.c */
uint64_t model_share_codes(struct world *world, const struct said *said, int room);
/* Would it be over what its sender may have in the room? */
bool model_share_over(const struct world *world, const struct said *said, int room);
void model_share_apply(struct world *world, struct said *said, int room);
struct entry_model *model_entry_find(const struct room_model *room, enum section section,
                                     const char *key);
/* A feature by its key, or by its component's own id. */
struct entry_model *model_feature_named(const struct room_model *room, const char *id);
/* Does anything but a benchmark have this id? */
bool model_named(const struct room_model *room, const char *id);
double model_entry_quality(const struct entry_model *entry);
bool capability_contains(const char *capability, const char *text);

/* sessions.c */
uint64_t model_session_codes(struct world *world, const struct said *said, int room);
void model_session_apply(struct world *world, const struct said *said, int room);
/* Would all workspaces together be over the limit? Of a write that is fine otherwise. */
bool model_session_crowds(const struct world *world, const struct said *said, int room);
/* Would its sender have offered more than it may? */
bool model_session_over(const struct world *world, const struct said *said, int room);
/* A level 1 AI takes up a session by naming it. */
void model_session_named(struct world *world, const struct said *said, int room);
void model_session_completed(struct world *world, const struct said *said, int room);
bool model_session_has(const struct session_model *session, int name);
bool model_session_live(const struct session_model *session);
struct session_model *model_session_find(const struct room_model *room, const char *id);
void model_session_tick(struct world *world, int room);

/* ledger.c */
/* The digest of a parameter set under a subject and version, 64 digits: the simulation's own
 * function in SHA-256's place. */
void ledger_digest(int subject, int version, int set, char ret_hex[65]);
bool set_is_module(int set);
uint64_t model_ledger_codes(struct world *world, const struct said *said, int room);
/* Is it a claim that contradicts its commitment? Those are counted, and change nothing else. */
bool model_claim_contradicts(const struct world *world, const struct said *said, int room);
void model_commitment_apply(struct world *world, const struct said *said, int room);
void model_measurement_apply(const struct said *said, struct room_model *room);
/* The entry's new revision claims what was said, or nothing. */
void model_claim_put(struct world *world, int room, struct entry_model *entry,
                     const struct said *said);
/* The commitment whose seal holds back a report on the entry (NULL: none); NOBODY: none does. */
int model_claim_held(const struct room_model *room, const struct said *said,
                     const struct entry_model *entry);
void model_claim_report(struct world *world, const struct said *said, int room,
                        struct entry_model *entry);
/* It was reported on: its seal may break. */
void model_seal_measured(struct world *world, int room, const struct entry_model *entry);
void model_unseal(struct world *world, int room, int commitment);
void model_seals_tick(struct world *world, int room);
void model_epochs_tick(struct world *world, int room);
/* Was a commitment of that AI's given this nonce? */
bool model_nonce_known(const struct room_model *room, int name, const char *nonce);
/* The indices of refuted ancestors, nearest first; returns their number. */
unsigned model_claim_refuted(const struct room_model *room, const struct entry_model *entry,
                             size_t ret_refuted[ANCESTORS_MAX]);
/* Of this AI, claims that ended so or stand so. */
unsigned model_claim_count(const struct room_model *room, int name, enum claim_state state);
/* Has this AI a page in the ledger, and is that what it says? */
bool model_account_shown(const struct room_model *room, int name);
bool model_account_same(const struct room_model *room, int name, json_t *is);

/* ── check.c ── */
/* Reads what the call delivered, and judges its form. Before the model's turn, which looks at
 * it. */
void check_lines(struct world *world);
/* The effects of the call that was made against the expectations. */
void check_call(struct world *world, const struct said *said);
/* The hub's counts against the model's and the limits: cheap. */
void check_counts(struct world *world);
/* The whole state of every room, member by member and entry by entry, and hub_recount. */
void check_state(struct world *world);

#endif
