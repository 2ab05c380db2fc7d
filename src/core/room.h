/* A room from the inside: its members, knowledge, sessions and order. Shared by the files of core/ and nobody else.
 *
 * `struct peer` is a connection (the admit side); `struct member` is who an AI is in its room (the applied side), and outlives its
 * connections. Texts of a member, session or entry are owned copies. */
#ifndef KHUB_CORE_ROOM_H
#define KHUB_CORE_ROOM_H

#include <sys/queue.h>

#include "core/hub.h"
#include "core/index.h"
#include "wire/claim.h"

struct room;
struct session;

/* A connection. Bound to a room and an id once a line of it was proposed. */
struct peer {
    peer_id id;            /* 0: the slot is empty */
    struct room *room;     /* NULL: not bound */
    struct slice ai_id;    /* owned; len 0: not bound */
    struct member *member; /* NULL until it has joined */
    unsigned under_way;    /* messages proposed and not yet applied */
    int64_t heard;         /* hub clock */
    unsigned bad_lines;    /* in a row */
    double allowance;      /* messages it may send right now, under a rate limit */
    int64_t allowance_at;  /* hub clock */
};

/* A capability that somebody in the room has or had; shared by all who name it. */
struct capability {
    struct slice key;
    size_t users;
    uint64_t mark; /* room->mark of the last search that marked it */
    TAILQ_ENTRY(capability) next;
};
TAILQ_HEAD(capability_list, capability);

struct member {
    struct slice key; /* ai_id */
    peer_id peer;     /* 0: not connected */
    int level;        /* 1 or 2 */
    bool observer, ready;
    struct slice specialization;
    struct capability **capabilities;
    size_t capability_count;
    int64_t joined_ms, left_ms; /* unix time */
    int64_t heard;              /* hub clock at which it left */
    size_t sessions;            /* active ones it takes part in */
    char resume_token[33];
    TAILQ_ENTRY(member) next; /* in room->departed while not connected */
};
TAILQ_HEAD(member_list, member);

/* ── the ledger ── */

#define CLAIM_STATUSES(X)                                                                          \
    X(CLAIMED, "claimed")                                                                          \
    X(CONFIRMED, "confirmed")                                                                      \
    X(REFUTED, "refuted")                                                                          \
    X(CONTESTED, "contested")

enum claim_status {
#define X(name, text) CLAIM_##name,
    CLAIM_STATUSES(X)
#undef X
        CLAIM_STATUS_COUNT
};

/* Parameters that an AI committed itself to, by their hash, and the nonce that it got for them. */
struct commitment {
    struct slice key; /* commitment_id, in `id` */
    char id[UUID_SIZE], nonce[33], sha256[CLAIM_DIGEST_SIZE];
    struct account *account;
    struct slice subject, subject_version;
    bool claimed;
    TAILQ_ENTRY(commitment) of_account, of_room;
};
TAILQ_HEAD(commitment_list, commitment);

/* An AI's page in the ledger; kept when it leaves. What became of its claims stands with the contributor. */
struct account {
    struct slice key; /* ai_id */
    uint64_t commitments, mismatched;
    struct commitment_list open, claimed; /* those kept, oldest first */
    size_t kept, kept_claimed;
    const struct contributor *contributor; /* NULL while it has no claim */
    TAILQ_ENTRY(account) recent;           /* the newest change first */
};
TAILQ_HEAD(account_list, account);

struct ledger {
    struct index accounts, commitments;
    struct account_list recent;
    struct commitment_list open, claimed; /* oldest first */
    size_t claimed_count;
    size_t bytes;      /* counted in knowledge->bytes as well */
    struct text shown; /* what a sync shows of it, */
    bool shown_whole;  /* if that is up to date */
};

/* Somebody else's measurement of a claim. */
struct verifier {
    struct slice ai_id;
    bool agrees;
    double ratio;                 /* NAN: it could not be measured */
    double ratio_own;             /* NAN: none given */
    struct slice profile, reason; /* JSON as it came; {NULL}: none */
};

/* What an entry claims of itself and what others found. */
struct claim {
    bool live; /* the entry's present revision is a claim; else only `settled` says something */
    char commitment_id[UUID_SIZE], nonce[33];
    double ratio;
    unsigned seeds;
    enum claim_status status;
    struct verifier *verifiers; /* each AI once, in the order of their latest measurements */
    size_t verifier_count, verifier_capacity;
    size_t gone[2]; /* verifiers that made room for others, by whether they agreed */
    struct knowledge_entry **parents; /* those of body.parents that were known */
    size_t parent_count;
    uint64_t
        settled[CLAIM_STATUS_COUNT]; /* claims that former revisions made, by what became of them */
};

/* What a share that is under way claims. */
struct claiming {
    struct commitment *commitment; /* NULL: nothing */
    double ratio;
    unsigned seeds;
    struct json_value parents;
};

/* What the hub reads of a pattern, code or component, found in one walk over it: it may have a hundred thousand members. */
struct body_members {
    struct json_value id, name, parents;
    struct json_value commitment_id, subject, subject_version, nonce, parameters, ratio_heldout,
        seeds;
};

/* ── knowledge ── */

#define SECTIONS(X)                                                                                \
    X(PATTERNS, "shared_patterns")                                                                 \
    X(COMPONENTS, "shared_components")                                                             \
    X(FEATURES, "collective_features")                                                             \
    X(BENCHMARKS, "performance_benchmarks")

enum section {
#define X(name, text) SECTION_##name,
    SECTIONS(X)
#undef X
        SECTION_COUNT
};

/* What one AI's knowledge is worth; lives as long as an entry of it does. */
struct contributor {
    struct slice key; /* ai_id */
    uint64_t entries, uses, tested;
    uint64_t
        claims[CLAIM_STATUS_COUNT]; /* by what became of them, those of former revisions included */
};

/* A performance_report, as kept: in a benchmark entry all of them, in another entry the latest of each reporter. */
struct report {
    struct slice reporter, timestamp, metrics;
    double score; /* metrics.score, 0..1; negative: none given */
    TAILQ_ENTRY(report) next;
};
TAILQ_HEAD(report_list, report);

struct knowledge_entry {
    struct slice key; /* decoded id */
    enum section section;
    struct slice body; /* the pattern, code or component as it came; none for benchmarks */
    struct slice timestamp;
    struct slice own_id;             /* of a feature: component.id, or none */
    struct contributor *contributor; /* NULL for benchmarks */
    uint64_t usage, revision;
    bool tested;
    struct claim *claim; /* NULL: it never was one */
    size_t bytes;        /* what it counts for in knowledge->bytes */
    size_t report_count;
    struct report_list reports;
    TAILQ_ENTRY(knowledge_entry) recent; /* newest first, over all sections */
};
TAILQ_HEAD(knowledge_list, knowledge_entry);

/* A feature by its component's own id, the latest of the first contributor who used that id: reporters know that id, and only the hub knows the key. */
struct alias {
    struct slice key;
    struct knowledge_entry *entry;
};

struct knowledge {
    struct index sections[SECTION_COUNT];
    struct index aliases, contributors;
    struct knowledge_list recent;
    struct ledger ledger;
    size_t bytes;
    size_t refuted; /* live claims that are */
};

/* ── sessions ── */

#define SESSION_STATES(X)                                                                          \
    X(PENDING, "pending")                                                                          \
    X(ACTIVE, "active")                                                                            \
    X(COMPLETED, "completed")                                                                      \
    X(FAILED, "failed")                                                                            \
    X(CANCELLED, "cancelled")                                                                      \
    X(DECLINED, "declined")                                                                        \
    X(EXPIRED, "expired")                                                                          \
    X(ABANDONED, "abandoned")

enum session_state {
#define X(name, text) SESSION_##name,
    SESSION_STATES(X)
#undef X
        SESSION_STATE_COUNT
};

struct slot { /* one key of a workspace */
    struct slice key;
    struct slice value;
    uint64_t version;
};

struct session {
    struct slice key;               /* session_id */
    struct slice initiator, target; /* target.len 0: offered to everyone */
    struct slice type, description; /* decoded */
    enum session_state state;
    int64_t created_ms;                          /* unix time */
    int64_t since;                               /* hub clock at which it was made */
    struct slice participants[PARTICIPANTS_MAX]; /* the initiator first */
    size_t participant_count;
    double progress;
    struct index workspace;
    size_t workspace_bytes;
    TAILQ_ENTRY(session) next; /* in room->live or room->ended */
};
TAILQ_HEAD(session_list, session);

/* ── the room ── */

/* What apply reads of a hub's configuration; it comes in with ENTRY_START (limits.c). */
struct room_limits {
    size_t line_max, sync_limit, knowledge_max, output_max; /* bytes */
    double rate;                                            /* messages a second; 0: none */
    int64_t heartbeat_ms;
};

struct room {
    struct slice key; /* its name */
    struct hub *hub;
    uint32_t number; /* streams 2 × number and 2 × number + 1 are its levels' */
    struct log log;
    uint64_t last_seq; /* of the last entry applied */
    struct room_limits limits;

    struct index members;
    struct member_list departed; /* the longest gone first */
    size_t departed_count;
    struct seat *seats;
    size_t seat_count, seat_capacity, observer_count;
    struct text listed;  /* active_ais of a sync, as far as the first listed_seats go */
    size_t listed_seats; /* 0: anew */
    struct index capabilities;
    struct capability_list capability_list;
    uint64_t mark;

    struct knowledge knowledge;

    struct index sessions;
    struct session_list live, ended;
    size_t live_count, ended_count;
    size_t workspace_bytes; /* of all sessions */
};

/* What admit judged last, for apply to use if nothing comes between. */
struct judged {
    struct request *request; /* NULL: nothing */
    uint64_t last_seq;       /* that its room had then */
    int error;
};

struct hub {
    struct hub_config config;
    struct hub_edge edge;
    struct peer *peers; /* by the index half of their id */
    size_t peer_capacity, peer_count;
    struct room **rooms;
    size_t room_count, room_capacity;
    struct room *lobby;      /* "main": where those are who have not joined */
    int64_t last_now, clock; /* clock: ms since the hub began; never runs back */
    uint64_t messages, effects, refused;
    struct judged judged;
    struct seat *addressees; /* of the effect that is being sent to some */
    size_t addressee_capacity;
    struct text scratch, payload; /* for building lines */
    struct text cut;              /* of limits */
};

/* One message on its way: what check found is there for proceed. Of an answer of admit's, and of other entries, only
 * what says where and when. */
struct request {
    struct hub *hub;
    struct room *room; /* NULL: a check of a message for a room that is not there yet */
    peer_id from, takes_over;
    struct member *member; /* the sender; NULL in a check before it has joined */
    const struct message *message;
    const struct entry *entry; /* NULL while checking, and of an answer */
    int64_t answered_ms;       /* of an answer: unix time */
    uint64_t judged_at;        /* the room's last seq when admit checked it */
    struct refusal *refusal;   /* for check */
    uint32_t made;             /* ids made for this entry so far */
    uint32_t effects;          /* and effects */
    bool handled;              /* a handler has seen to the relaying itself */
    struct member *target;     /* of target_ai; NULL: everyone */
    struct session *session;
    struct json_value body;
    struct body_members members; /* of a pattern, code or component */
    struct claiming claiming;    /* of a pattern or component */
    bool mismatched;             /* refused, since it claims what was not committed to */
    struct text extra;           /* members of an error's payload behind the standard ones */
};

/* room.c: rooms, members, seats, capabilities */
struct room *room_find(const struct hub *hub, struct slice name);
struct room *room_new(struct hub *hub, struct slice name);
void room_free(struct room *room);
struct member *member_find(const struct room *room, struct slice ai_id);
/* Finds or makes the member and seats it on the connection. */
struct member *member_join(struct room *room, peer_id peer, struct slice ai_id, int64_t now);
/* Who sits on this connection, or NULL. */
struct member *member_seated(const struct room *room, peer_id peer);
void member_set_capabilities(struct room *room, struct member *member, struct json_value array);
void member_set_level(struct room *room, struct member *member, int level, bool observer);
/* Takes the member from its seat. */
void member_depart(struct room *room, struct member *member, int64_t now);
/* The same for all who are there. */
void members_depart(struct room *room, int64_t now);
/* Forgets those longest gone when too many are remembered. Only at the end of an entry: they may be somebody's target. */
void departed_trim(struct room *room);
size_t member_capability_text(const struct member *member, struct text *text);
uint64_t member_contribution(const struct room *room, struct slice ai_id);
/* Marks the room's capabilities that contain the text (ASCII case aside). */
void capability_mark_containing(struct room *room, struct slice text);
bool member_has_marked(const struct room *room, const struct member *member);
/* At most NEAREST_MAX connected ids that resemble a name; writes "…, did you mean "a", "b"?" or "". */
void member_nearest(const struct room *room, struct slice name, char *buffer, size_t size);

/* effects.c: lines on their way out */
struct outgoing {
    struct slice line; /* without its last brace */
    int level;         /* of its type: who is below never receives it */
};
/* To everyone in the room but this member (NULL: to all). */
void effect_to_room(struct request *request, const struct outgoing *outgoing,
                    const struct member *but);
/* To at most PARTICIPANTS_MAX members by their ids, connected or not; when `observed`, to the observers as well; never to `but`
 * (NULL: nobody). */
void effect_to_names(struct request *request, const struct outgoing *outgoing,
                     const struct slice *names, size_t count, bool observed,
                     const struct member *but);
void effect_to_member(struct request *request, const struct outgoing *outgoing,
                      const struct member *member);
void effect_to_connection(struct request *request, const struct outgoing *outgoing,
                          const struct seat *seat);
/* A message the hub makes: begin, write the payload's object into the text returned, then end, which fills *ret_outgoing. */
struct text *hub_message_begin(struct request *request, enum message_type type, struct slice sender,
                               struct slice target);
void hub_message_end(struct request *request, enum message_type type,
                     struct outgoing *ret_outgoing);
/* An error to a connection, joined or not, with request->extra as further members of its payload. in_reply_to.len 0: to nothing. */
void hub_error(struct request *request, const struct seat *to, const struct refusal *refusal,
               struct slice in_reply_to);
void hub_note(struct hub *hub, peer_id peer, enum hub_event event, struct slice subject,
              struct slice detail);
/* A finite number as a JSON number with a fraction, as Python writes a float: 0.0, not 0. */
void text_add_fraction(struct text *text, double number);
/* 32 hex digits and a NUL that nobody can guess. */
void hub_secret(struct hub *hub, struct slice room, uint64_t seq, uint32_t count, char ret_hex[33]);
void hub_uuid(struct hub *hub, struct slice room, uint64_t seq, uint32_t count,
              char ret_uuid[UUID_SIZE]);

/* hub.c: what apply tells admit */
struct peer *peer_find(struct hub *hub, peer_id id);
void peer_drop(struct hub *hub, struct peer *peer);
void admit_joined(struct hub *hub, struct member *member);
void admit_departed(struct hub *hub, peer_id peer);
void admit_applied(struct hub *hub, const struct entry *entry);

/* apply.c */
/* All that may refuse a message for the state's sake. Changes nothing. 0, or -code. */
int request_check(struct request *request);
/* Relays the request's own line by the relay rule. */
void relay_message(struct request *request);
/* An error to who sent it. */
void request_error(struct request *request, const struct refusal *refusal);
/* A log's commit; ctx is the room. */
void room_apply(void *ctx, const struct entry *entry);

/* limits.c */
void limits_write(const struct hub_config *config, struct text *text);
/* False, and nothing changed, when the bytes are not what limits_write wrote. */
bool limits_read(struct slice bytes, struct room_limits *ret_limits);

/* hello.c */
int hello_check(struct request *request);
void hello_proceed(struct request *request);
/* The room a hello asks for; "main" when it names none. -code when the name is not one. */
int hello_room(const struct message *message, char buffer[ROOM_NAME_MAX], struct slice *ret_name,
               struct refusal *ret_refusal);
/* May this message's sender take its id on this connection? */
int join_check(struct request *request);
void join_proceed(struct request *request);
/* Tells level 2 who went. */
void presence_tell(struct request *request, const struct member *member, struct slice reason);

/* knowledge.c: state; shares.c: its messages */
void knowledge_init(struct knowledge *knowledge);
void knowledge_free(struct knowledge *knowledge);
struct knowledge_entry *knowledge_find(const struct knowledge *knowledge, enum section section,
                                       struct slice id);
/* What an entry of these texts would add to knowledge->bytes. */
size_t knowledge_cost(struct slice id, struct slice body, struct slice timestamp);
/* What an entry counts for there, reports, claim and all. */
size_t knowledge_entry_cost(const struct knowledge_entry *entry);
/* A new entry, or a new revision of the one that is there. own_id: see struct knowledge_entry. */
struct knowledge_entry *knowledge_put(struct knowledge *knowledge, enum section section,
                                      struct slice id, struct slice body, struct slice contributor,
                                      struct slice timestamp, struct slice own_id,
                                      const struct claiming *claiming);
/* What an id names: a pattern, a component, and a feature by its key or its component's own id; each NULL when there is none. */
#define NAMED_MAX 3
void knowledge_named(const struct knowledge *knowledge, struct slice id,
                     struct knowledge_entry *ret_named[NAMED_MAX]);
/* A report on everything of this id, and in the benchmarks. ret_changes: where it changed what is held of a claim. Returns their
 * number. */
struct claim_change {
    const struct knowledge_entry *entry;
    enum claim_status was;
};
size_t knowledge_report(struct knowledge *knowledge, struct slice component_id,
                        struct slice reporter, struct slice timestamp, struct json_value metrics,
                        struct claim_change ret_changes[NAMED_MAX]);
const struct contributor *knowledge_contributor(const struct knowledge *knowledge,
                                                struct slice ai_id);
uint64_t contributor_score(const struct contributor *contributor);
double knowledge_quality(const struct knowledge_entry *entry);
size_t knowledge_count(const struct knowledge *knowledge);
const char *section_text(enum section section);
/* One entry as "id":{…}. */
void knowledge_write_entry(const struct knowledge *knowledge, const struct knowledge_entry *entry,
                           struct text *text);
/* The knowledge base as an object, newest first, with entries of at most `limit` bytes in all; true when something was left out. */
bool knowledge_write(const struct knowledge *knowledge, size_t limit, struct text *text);
void knowledge_write_totals(const struct knowledge *knowledge, struct text *text);

/* ledger.c: who committed to what, and whether a claim is that */
void ledger_init(struct ledger *ledger);
void ledger_free(struct ledger *ledger);
int commitment_check(struct request *request);
void commitment_proceed(struct request *request);
/* Whether the body, which stands at `path` in the message and whose members were found, is a claim, and fit to be one: fills
 * request->claiming, or request->mismatched and the refusal. */
int claim_check(struct request *request, const char *path);
/* What a claim that contradicts its commitment costs its sender: it is counted on its account. */
void claim_count_mismatch(struct request *request);
/* The claim that was checked is made now. */
void claim_made(struct request *request);
/* The AI's page comes first in what is shown. */
void account_touch(struct knowledge *knowledge, struct slice ai_id);
/* What a page, and a commitment of these texts, counts for in ledger->bytes. */
size_t account_cost(struct slice ai_id);
size_t commitment_cost(struct slice subject, struct slice subject_version);
/* {ai_id: {commitments, claims, …}}, newest change first; show: as many as a training_sync shows. */
void ledger_write(const struct ledger *ledger, size_t accounts_max, struct text *text);
void ledger_show(struct ledger *ledger, struct text *text);

/* verification.c: claims, and what others measured of them */
const char *claim_status_text(enum claim_status status);
void claim_free(struct claim *claim);
#define CLAIM_OVERHEAD 768u /* bytes that a claim counts for beside its verifiers */
size_t claim_cost(const struct claim *claim);
/* What this AI's report may add to that at the most. */
size_t verifier_cost_most(struct slice ai_id);
/* The entry's new revision claims this, or nothing (NULL). Its body is in place. */
void claim_put(struct knowledge *knowledge, struct knowledge_entry *entry,
               const struct claiming *claiming);
/* Somebody other than the author reports on it. True when the status changed; *ret_was is the former one. */
bool claim_report(struct knowledge *knowledge, struct knowledge_entry *entry, struct slice reporter,
                  struct json_value metrics, enum claim_status *ret_was);
/* What follows from the verifiers alone; *ret_agreeing of them agree. */
enum claim_status claim_judge(const struct claim *claim, size_t *ret_agreeing);
bool claim_agrees(double claimed, double measured);
bool claim_refuted(const struct knowledge_entry *entry);
/* ,"verification":{…} when the entry is a claim. */
void verification_write(const struct knowledge *knowledge, const struct knowledge_entry *entry,
                        struct text *text);
/* Tells level 2 what became of a claim. */
void verification_tell(struct request *request, const struct claim_change *change);

/* shares.c: room for `bytes` more, in entries and in bytes? */
int quota_check(struct request *request, bool new_entry, size_t bytes);
int pattern_check(struct request *request);
void pattern_proceed(struct request *request);
int code_check(struct request *request);
void code_proceed(struct request *request);
int component_check(struct request *request);
void component_proceed(struct request *request);
int report_check(struct request *request);
void report_proceed(struct request *request);
int feature_check(struct request *request);
void feature_proceed(struct request *request);

/* session.c: state; collaboration.c: its messages */
const char *session_state_text(enum session_state state);
bool session_move_legal(enum session_state from, enum session_state to);
struct session *session_find(const struct room *room, struct slice session_id);
bool session_has(const struct session *session, struct slice ai_id);
bool session_live(const struct session *session);
struct session *session_new(struct room *room, struct slice session_id, struct slice initiator,
                            struct slice target, int64_t now);
void session_add(struct room *room, struct session *session, struct slice ai_id);
void session_move(struct room *room, struct session *session, enum session_state to);
void session_free(struct session *session);
/* The end of its time: pending → expired, active → abandoned; nothing when it is in another state by now. */
void session_expire(struct request *request, struct slice session_id, enum session_state in);
/* Of this AI's, the active ones. */
size_t session_count_active(const struct room *room, struct slice ai_id);
bool session_due(const struct room *room, const struct session *session);
void session_write(const struct session *session, bool workspace, struct text *text);
/* A level 1 AI accepts by its first message that names a session. */
void session_accept_by_naming(struct request *request);
void session_complete(struct request *request);

int collaboration_request_check(struct request *request);
void collaboration_request_proceed(struct request *request);
int collaboration_response_check(struct request *request);
void collaboration_response_proceed(struct request *request);
int collaboration_update_check(struct request *request);
void collaboration_update_proceed(struct request *request);
/* Bytes by which a workspace_update, if it is taken, adds to its workspace. */
size_t workspace_growth(const struct request *request);
int workspace_check(struct request *request);
void workspace_proceed(struct request *request);
/* For an os_component_share with collaboration_complete: sets request->session. */
int completion_check(struct request *request);

/* payload.c: reading members of a payload, with refusals that name them. `path` is what a person is told, "payload.pattern.id";
 * its last part is the member's name in `object`. */
enum need { OPTIONAL, REQUIRED };
/* A string of at most `max` decoded bytes, put into buffer; absent or null, when OPTIONAL, gives len 0; "" is absent. */
int payload_text(struct request *request, struct json_value object, const char *path,
                 enum need need, size_t max, char *buffer, struct slice *ret_text);
/* The same of a member that was found before. */
int payload_text_of(struct request *request, struct json_value value, const char *path,
                    enum need need, size_t max, char *buffer, struct slice *ret_text);
int payload_object(struct request *request, struct json_value object, const char *path,
                   struct json_value *ret_object);
int payload_bool(struct request *request, struct json_value object, const char *path, bool preset,
                 bool *ret_bool);

#endif
