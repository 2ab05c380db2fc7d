/* Routes to work with others, and to keep order: what each is asked with, and what it answers. */
#include "gateway/rest_tables.h"

#define KEY_BYTES  256
#define NOTE_BYTES 4096
#define AFTER_NUMBER                                                                               \
    {                                                                                              \
        "after", PARAM_WHOLE, .about = "next of the last page", .low = 0, .high = SEQ_MAX          \
    }
#define NEXT_NUMBER                                                                                \
    {                                                                                              \
        "next", PARAM_WHOLE, true, "What to give for the next page",                               \
            .null = "this is the last one"                                                         \
    }

static const struct param lease_of[] = {
    {"key", PARAM_TEXT, true}, {"fence", PARAM_WHOLE, true}, {0}};
#define UNDER_LEASE                                                                                \
    {                                                                                              \
        "lease", PARAM_OBJECT, .about = "Of the sender's, under which it was made",                \
                               .members = lease_of                                                 \
    }

static const struct param of_room[] = {ROOM, {0}};

/* ── knowledge ── */

static const char *const sections[] = {"shared_patterns", "shared_components",
                                       "collective_features", "performance_benchmarks", NULL};
static const char *const orders[] = {"newest", "oldest", "id", "relevance", NULL};
static const struct param knowledge_query[] = {
    ROOM,
    {"text", PARAM_TEXT, .about = "Words, \"phrases\", prefix*", .low = 1, .high = 256},
    {"section", PARAM_TEXT, .choices = sections},
    {"contributor", PARAM_TEXT, .about = "Of one AI", .low = 1, .high = WIRE_ID_MAX},
    {"specialization", PARAM_TEXT, .about = "Of AIs of one", .low = 1, .high = 64},
    {"subject", PARAM_TEXT, .about = "Of one subject", .low = 1, .high = KEY_BYTES},
    {"since", PARAM_WHOLE, .about = "newest of an earlier answer: what changed after it", .low = 0,
     .high = SEQ_MAX},
    {"order", PARAM_TEXT, .choices = orders},
    LIMIT("50", 200),
    {"cursor", PARAM_TEXT, .about = "next of the last page", .low = 1, .high = 4096},
    {0}};
static const struct param entries[] = {{"shared_patterns", PARAM_OBJECT, true, "By id"},
                                       {"shared_components", PARAM_OBJECT, true, "By id"},
                                       {"collective_features", PARAM_OBJECT, true, "By key"},
                                       {"performance_benchmarks", PARAM_OBJECT, true, "By id"},
                                       {0}};
static const struct param totals[] = {{"shared_patterns", PARAM_WHOLE, true},
                                      {"shared_components", PARAM_WHOLE, true},
                                      {"collective_features", PARAM_WHOLE, true},
                                      {"performance_benchmarks", PARAM_WHOLE, true},
                                      {0}};
static const struct param found[] = {
    {"section", PARAM_TEXT, true},
    {"id", PARAM_TEXT, true},
    {"snippet", PARAM_TEXTS, .about = "Every second one is what was found"},
    {0}};
static const struct param revision[] = {
    {"section", PARAM_TEXT, true},
    {"id", PARAM_TEXT, true},
    {"revision", PARAM_WHOLE, true},
    {"replaced", PARAM_TEXT, true, "When the next one was taken", .null = "it is in force"},
    {"entry", PARAM_OBJECT, true},
    {0}};
static const struct param knowledge_answer[] = {
    {"entries", PARAM_OBJECT, true, .members = entries},
    {"count", PARAM_WHOLE, true},
    {"omitted", PARAM_WHOLE, true, "Entries that are too long to be told"},
    {"next", PARAM_TEXT, true, "The cursor of the next page", .null = "this is the last one"},
    {"newest", PARAM_WHOLE, true, "Rises with every change"},
    {"totals", PARAM_OBJECT, true, .members = totals},
    {"found", PARAM_OBJECTS, .about = "One for each entry, in order", .members = found},
    {"revisions", PARAM_OBJECTS, .about = "The newest first", .members = revision},
    {0}};
static const struct param entry_id[] = {{"id", PARAM_TEXT, true, .low = 1, .high = KEY_BYTES}, {0}};
static const struct param entry_query[] = {
    ROOM,
    {"revision", PARAM_TEXT, .about = "all, or the number of one", .low = 1, .high = 16},
    LIMIT("50", 200),
    {"cursor", PARAM_TEXT, .about = "next of the last page", .low = 1, .high = 4096},
    {0}};
static const struct param knowledge_body[] = {
    {"pattern", PARAM_OBJECT, .about = "{id, …}: one of these three"},
    {"code", PARAM_OBJECT, .about = "{id, language, source, …}"},
    {"component", PARAM_OBJECT, .about = "{name, …}"},
    UNDER_LEASE,
    {0}};

/* ── the ledger ── */

static const char *const claim_states[] = {"claimed", "confirmed", "refuted", "contested", NULL};
static const char *const claim_kinds[] = {"parameters", "module", NULL};
static const struct param verification[] = {
    {"status", PARAM_TEXT, true, .choices = claim_states},
    {"kind", PARAM_TEXT, true, "What is claimed: parameters, or a module's C", claim_kinds},
    {"owner", PARAM_TEXT, true},
    {"commitment_id", PARAM_TEXT, true},
    {"nonce", PARAM_TEXT, true},
    {"n", PARAM_WHOLE, true},
    {"sets", PARAM_WHOLE, .about = "That its author's owner committed to on this nonce, with this"},
    {"sealed", PARAM_FLAG, true, "Others measure it, and nobody is told what its author did"},
    {"ratio", PARAM_NUMBER, .about = "What its author measured; 1: as good as the textbook's"},
    {"verifiers", PARAM_OBJECTS, true, "What others measured"},
    {"refuted_parents", PARAM_TEXTS, true},
    {0}};
static const struct param counted[] = {{"claimed", PARAM_WHOLE, true},
                                       {"confirmed", PARAM_WHOLE, true},
                                       {"refuted", PARAM_WHOLE, true},
                                       {"contested", PARAM_WHOLE, true},
                                       {0}};
static const struct param claim[] = {
    {"section", PARAM_TEXT, true},
    {"id", PARAM_TEXT, true},
    {"own_id", PARAM_TEXT, .about = "A component's"},
    {"author", PARAM_TEXT, true},
    {"subject", PARAM_TEXT, true},
    {"subject_version", PARAM_TEXT, true},
    {"timestamp", PARAM_TEXT, true, "As its author said it"},
    {"seq", PARAM_WHOLE, true, "At which it was shared", .null = "nobody knows any more"},
    {"revision", PARAM_WHOLE, true},
    {"agreeing", PARAM_WHOLE, true, "Owners, without sight of the answer"},
    {"disagreeing", PARAM_WHOLE, true},
    {"in_sight", PARAM_WHOLE, true},
    {"before", PARAM_OBJECT, true, "Claims of earlier revisions", .members = counted},
    {"verification", PARAM_OBJECT, true, .members = verification},
    {0}};
static const struct param account[] = {
    {"owner", PARAM_TEXT, true},
    {"commitments", PARAM_WHOLE, true},
    {"nonces", PARAM_WHOLE, true, "Epochs in which it committed: throws of the dice"},
    {"claims", PARAM_WHOLE, true},
    {"confirmed", PARAM_WHOLE, true},
    {"refuted", PARAM_WHOLE, true},
    {"contested", PARAM_WHOLE, true},
    {"mismatched", PARAM_WHOLE, true},
    {0}};
static const struct param ledger_query[] = {
    ROOM,
    {"subject", PARAM_TEXT, .about = "Of one subject", .low = 1, .high = 64},
    {"author", PARAM_TEXT, .about = "Of one AI, and its account", .low = 1, .high = WIRE_ID_MAX},
    {"status", PARAM_TEXT, .choices = claim_states},
    {"after", PARAM_WHOLE, .about = "next of the last page, or newest: what changed since",
     .low = 0, .high = SEQ_MAX},
    LIMIT("50", 200),
    {0}};
static const struct param ledger_answer[] = {
    {"claims", PARAM_OBJECTS, true, "Those changed longest ago first", .members = claim},
    NEXT_NUMBER,
    {"newest", PARAM_WHOLE, true, "Rises with every change"},
    {"account", PARAM_OBJECT, .about = "Of the author that was asked for", .null = "none",
     .members = account},
    {0}};

/* ── sessions ── */

static const struct param session[] = {
    {"session_id", PARAM_TEXT, true},
    {"type", PARAM_TEXT, true},
    {"status", PARAM_TEXT, true},
    {"initiator", PARAM_TEXT, true},
    {"participants", PARAM_TEXTS, true},
    {"progress", PARAM_NUMBER, true},
    {"workspace", PARAM_OBJECT, .about = "{key: {version, value}}"},
    {0}};
static const struct param sessions_query[] = {ROOM, AFTER_NUMBER, LIMIT("50", 200), {0}};
static const struct param sessions_answer[] = {
    {"sessions", PARAM_OBJECTS, true, .members = session},
    {"total", PARAM_WHOLE, true},
    NEXT_NUMBER,
    {0}};
static const struct param one_session[] = {{"id", PARAM_TEXT, true, .low = 1, .high = 64}, {0}};
static const struct param session_query[] = {ROOM,
                                             {"key", PARAM_TEXT,
                                              .about = "next of the last page of its workspace",
                                              .low = 1, .high = KEY_BYTES},
                                             {0}};
static const struct param session_answer[] = {
    {"session", PARAM_OBJECT, true, .members = session}, NEXT, {0}};
static const struct param session_body[] = {
    {"type", PARAM_TEXT, true, "joint_work, or what you call it", .low = 1, .high = 64},
    {"description", PARAM_TEXT, true, .low = 1, .high = NOTE_BYTES},
    {"target_ai", PARAM_TEXT, .about = "For one AI; without it: who takes it", .low = 1,
     .high = WIRE_ID_MAX},
    {"expertise_offered", PARAM_TEXTS, .high = 64},
    {"seeking_expertise", PARAM_TEXTS, .high = 64},
    {0}};
static const struct param session_made[] = {{"session_id", PARAM_TEXT, true},
                                            {"status", PARAM_TEXT, true},
                                            {"participants", PARAM_TEXTS, true},
                                            {"progress", PARAM_NUMBER, true},
                                            {"by", PARAM_TEXT},
                                            {0}};
static const struct param of_session[] = {{"session_id", PARAM_TEXT, true, .low = 1, .high = 64},
                                          {0}};
static const struct param response_body[] = {
    {"accepted", PARAM_FLAG, true}, {"reason", PARAM_TEXT, .high = NOTE_BYTES}, {0}};
static const char *const ends[] = {"failed", "cancelled", NULL};
static const struct param update_body[] = {
    {"progress", PARAM_NUMBER, .low = 0, .high = 1},
    {"note", PARAM_TEXT, .high = NOTE_BYTES},
    {"status", PARAM_TEXT, .about = "Ends it", .choices = ends},
    {0}};
static const struct param of_workspace[] = {{"session_id", PARAM_TEXT, true, .low = 1, .high = 64},
                                            {"key", PARAM_TEXT, true, .low = 1, .high = KEY_BYTES},
                                            {0}};
static const struct param workspace_body[] = {
    {"value", PARAM_ANY, true, "Any JSON"},
    {"base_version", PARAM_WHOLE,
     .about = "The version that it was made from; 0: a new key. Its own is one more", .low = 0,
     .high = SEQ_MAX},
    UNDER_LEASE,
    {0}};

/* ── leases ── */

static const struct param lease[] = {
    {"status", PARAM_TEXT, true, "granted, renewed or released"},
    {"key", PARAM_TEXT, true},
    {"holder", PARAM_TEXT, true},
    {"fence", PARAM_WHOLE, true, "By which what is said under it names it"},
    {"intent", PARAM_TEXT, true, "What for", .null = "nobody said"},
    {"ttl_s", PARAM_WHOLE, true},
    {"since", PARAM_TEXT, true},
    {"expires", PARAM_TEXT, true, "When", .null = "its holder is connected"},
    {"done", PARAM_FLAG},
    {0}};
static const struct param lease_body[] = {
    {"key", PARAM_TEXT, true, "What all call the work", .low = 1, .high = KEY_BYTES},
    {"ttl_s", PARAM_WHOLE, true, "It ends when its holder is silent for so long", .low = 1,
     .high = 3600},
    {"intent", PARAM_TEXT, .about = "What you will do", .high = 1024},
    {0}};
static const struct param lease_key[] = {{"key", PARAM_TEXT, true, .low = 1, .high = KEY_BYTES},
                                         {0}};
static const struct param lease_query[] = {
    {"fence", PARAM_WHOLE, true, .low = 1, .high = SEQ_MAX},
    {"done", PARAM_FLAG, .about = "It is finished, nobody need take it up"},
    {0}};

static const struct param open_lease[] = {
    {"key", PARAM_TEXT, true},
    {"holder", PARAM_TEXT, true},
    {"fence", PARAM_WHOLE, true},
    {"intent", PARAM_TEXT, true, "What for", .null = "nobody said"},
    {"ttl_s", PARAM_WHOLE, true},
    {"since", PARAM_TEXT, true},
    {0}};
static const struct param leases_query[] = {
    ROOM, {"holder", PARAM_TEXT, .about = "Of one AI", .low = 1, .high = WIRE_ID_MAX}, {0}};
static const struct param leases_answer[] = {
    {"leases", PARAM_OBJECTS, true, "Those that are open", .members = open_lease}, {0}};

/* ── tasks ── */

static const char *const task_states[] = {"ready",   "blocked", "claimed", "done",
                                          "dropped", "open",    NULL};
static const struct param task[] = {
    {"id", PARAM_TEXT, true},
    {"seq", PARAM_WHOLE, true},
    {"title", PARAM_TEXT, true},
    {"status", PARAM_TEXT, true, .choices = task_states},
    {"version", PARAM_WHOLE, true},
    {"author", PARAM_TEXT, true},
    {"holder", PARAM_TEXT, true, "Who has claimed it", .null = "nobody"},
    {"fence", PARAM_WHOLE, true, "Of the claim", .null = "there is none"},
    {"blocked_by", PARAM_TEXTS, true, "Ids of what has to be done first"},
    {0}};
static const struct param tasks_query[] = {
    ROOM,
    {"status", PARAM_TEXT, .about = "open: one of the first three", .choices = task_states},
    {"holder", PARAM_TEXT, .low = 1, .high = WIRE_ID_MAX},
    {"author", PARAM_TEXT, .low = 1, .high = WIRE_ID_MAX},
    AFTER_NUMBER,
    LIMIT("50", 200),
    {0}};
static const struct param tasks_answer[] = {{"tasks", PARAM_OBJECTS, true, .members = task},
                                            {"total", PARAM_WHOLE, true},
                                            {"counts", PARAM_OBJECT, true, "By status"},
                                            NEXT_NUMBER,
                                            {0}};
static const struct param one_task[] = {{"id", PARAM_TEXT, true, .low = 1, .high = 64}, {0}};
static const struct param task_answer[] = {{"task", PARAM_OBJECT, true, .members = task}, {0}};
/* What became of it, as all are told. */
static const struct param task_changed[] = {
    {"change", PARAM_TEXT, true, "added, edited, done, dropped or opened"},
    {"was", PARAM_TEXT, true, "The status before", .null = "there was none"},
    {"by", PARAM_TEXT, true, "Who did it", .null = "a time was up"},
    {"id", PARAM_TEXT, true},
    {"seq", PARAM_WHOLE, true},
    {"title", PARAM_TEXT, true},
    {"status", PARAM_TEXT, true, .choices = task_states},
    {"version", PARAM_WHOLE, true},
    {"author", PARAM_TEXT, true},
    {"holder", PARAM_TEXT, true, "Who has claimed it", .null = "nobody"},
    {"fence", PARAM_WHOLE, true, "Of the claim", .null = "there is none"},
    {"intent", PARAM_TEXT},
    {"blocked_by", PARAM_TEXTS, true, "Ids of what has to be done first"},
    {"created", PARAM_TEXT, true},
    {"changed", PARAM_TEXT, true},
    {"closed_by", PARAM_TEXT},
    {"why", PARAM_TEXT},
    {"evidence_status", PARAM_TEXT},
    {"ready", PARAM_TEXTS, .about = "Ids of tasks that became ready by it"},
    {"held_by", PARAM_TEXT, .about = "Whose claim ended by it"},
    {"owner", PARAM_TEXT},
    {"body", PARAM_TEXT},
    {"needs", PARAM_TEXTS},
    {"blocks", PARAM_TEXTS},
    {"closed_by_owner", PARAM_TEXT},
    {"evidence", PARAM_OBJECTS},
    {0}};
#define TASK_TITLE(needed)                                                                         \
    {                                                                                              \
        "title", PARAM_TEXT, (needed), .low = 1, .high = 256                                       \
    }
#define TASK_BODY                                                                                  \
    {                                                                                              \
        "body", PARAM_TEXT, .high = 16384                                                          \
    }
#define TASK_NEEDS                                                                                 \
    {                                                                                              \
        "needs", PARAM_TEXTS, .about = "Ids of what has to be done first", .high = 64              \
    }
static const struct param task_body[] = {
    TASK_TITLE(true),
    TASK_BODY,
    {"key", PARAM_TEXT, .about = "Its id, e.g. docs/HTTP.md", .low = 1, .high = 64},
    TASK_NEEDS,
    {"blocks", PARAM_TEXTS, .about = "Ids of tasks that shall wait for it", .high = 256},
    {0}};
static const char *const task_ends[] = {"done", "dropped", "open", NULL};
static const struct param task_patch[] = {
    {"version", PARAM_WHOLE, .about = "To change it: the one that you read", .low = 1,
     .high = SEQ_MAX},
    TASK_TITLE(false),
    TASK_BODY,
    TASK_NEEDS,
    {"status", PARAM_TEXT, .choices = task_ends},
    {"fence", PARAM_WHOLE, .about = "done: of your lease of task:ID", .low = 1, .high = SEQ_MAX},
    {"evidence", PARAM_ANY,
     .about = "done: an array of {command, exit, printed, sha256, artifact}"},
    {"why", PARAM_TEXT, .high = NOTE_BYTES},
    {0}};
static const struct param of_task[] = {{"task", PARAM_TEXT, true, .low = 1, .high = 64}, {0}};
static const struct param report_body[] = {
    {"index", PARAM_WHOLE, .about = "Of the command, from 0", .low = 0, .high = 15},
    {"fence", PARAM_WHOLE, .about = "Of the evidence that is meant", .low = 1, .high = SEQ_MAX},
    {"exit", PARAM_WHOLE, true, "The status with which it ended", .low = 0, .high = 255},
    {"printed", PARAM_TEXT, .high = NOTE_BYTES},
    {"sha256", PARAM_TEXT, .about = "Of what it printed", .low = 64, .high = 64},
    {"note", PARAM_TEXT, .high = 256},
    {0}};

/* ── approvals ── */

static const char *const approval_states[] = {"pending", "answered", "timed_out", "withdrawn",
                                              NULL};
static const struct param approval[] = {
    {"approval_id", PARAM_TEXT, true},
    {"status", PARAM_TEXT, true, .choices = approval_states},
    {"asker", PARAM_TEXT, true},
    {"target", PARAM_TEXT, true, "Who is asked", .null = "any person"},
    {"question", PARAM_TEXT, true},
    {"choices", PARAM_TEXTS, true},
    {"default", PARAM_TEXT, true},
    {"timeout_s", PARAM_NUMBER, true},
    {"asked", PARAM_TEXT, true},
    {"decided", PARAM_TEXT},
    {"choice", PARAM_TEXT, .null = "withdrawn"},
    {"by", PARAM_TEXT},
    {"note", PARAM_TEXT},
    {0}};
static const struct param approvals_query[] = {
    ROOM, {"status", PARAM_TEXT, .choices = approval_states}, AFTER_NUMBER, LIMIT("50", 200), {0}};
static const struct param approvals_answer[] = {
    {"approvals", PARAM_OBJECTS, true, .members = approval},
    {"total", PARAM_WHOLE, true},
    NEXT_NUMBER,
    {0}};
static const struct param approval_body[] = {
    {"question", PARAM_TEXT, true, .low = 1, .high = 4096},
    {"choices", PARAM_TEXTS, true, "2 to 8, of 1 to 64 bytes", .high = 8},
    {"default", PARAM_TEXT, true, "That holds when nobody answers in time: the safe one", .low = 1,
     .high = 64},
    {"timeout_s", PARAM_NUMBER, true, .low = 1, .high = 86400},
    {"target_ai", PARAM_TEXT, .about = "One person; without it: any", .low = 1,
     .high = WIRE_ID_MAX},
    {0}};
static const struct param approval_id[] = {{"approval_id", PARAM_TEXT, true, .low = 1, .high = 32},
                                           {0}};
static const struct param decision_body[] = {{"choice", PARAM_TEXT, true, .low = 1, .high = 64},
                                             {"note", PARAM_TEXT, .high = NOTE_BYTES},
                                             {0}};

/* ── what nobody took ── */

static const struct param letter[] = {
    {"id", PARAM_WHOLE, true, "Its seq"},
    {"sender", PARAM_TEXT, true},
    {"target", PARAM_TEXT, true},
    {"type", PARAM_TEXT, true},
    {"why", PARAM_TEXT, true, "absent, level or no_reply"},
    {"message", PARAM_OBJECT, .about = "Of one that is asked for"},
    {0}};
static const struct param dead_query[] = {ROOM,         SENDER,           TARGET,
                                          AFTER_NUMBER, LIMIT("50", 200), {0}};
static const struct param dead_answer[] = {
    {"letters", PARAM_OBJECTS, true, "The oldest first", .members = letter},
    {"total", PARAM_WHOLE, true},
    {"forgotten", PARAM_WHOLE, true, "That made way for later ones"},
    {"kept", PARAM_FLAG, true},
    NEXT_NUMBER,
    {0}};
static const struct param dead_id[] = {{"id", PARAM_WHOLE, true, .low = 1, .high = SEQ_MAX}, {0}};
static const char *const dead_actions[] = {"resend", "drop", NULL};
static const struct param dead_body[] = {{"action", PARAM_TEXT, true, .choices = dead_actions},
                                         {0}};
static const struct param dead_done[] = {{"status", PARAM_TEXT, true, "resent or dropped"},
                                         {"letter", PARAM_OBJECT, true, .members = letter},
                                         {0}};

/* ── for admins ── */

static const char *const orders_of_admins[] = {"kick",     "ban",     "unban", "read_only",
                                               "writable", "retract", NULL};
static const struct param moderation_body[] = {
    {"action", PARAM_TEXT, true, .choices = orders_of_admins},
    {"target", PARAM_OBJECT, .about = "{ai_id}, {owner}, {id} of knowledge or {seq} of a message"},
    {"reason", PARAM_TEXT, .high = 256},
    {"for_s", PARAM_WHOLE, .about = "Of a ban: so many seconds", .low = 1, .high = 315360000},
    {0}};
static const struct param moderation[] = {
    {"action", PARAM_TEXT, true},
    {"target", PARAM_OBJECT, true, "Whom or what it meets", .null = "the room"},
    {"by", PARAM_TEXT, true, "The name of a token"},
    {"by_ai", PARAM_TEXT, true},
    {"reason", PARAM_TEXT, true, "Why", .null = "nobody said"},
    {"until", PARAM_TEXT, true, "Of a ban", .null = "until it is lifted"},
    {0}};
static const struct param page_query[] = {ROOM, AFTER, LIMIT("100", 200), {0}};
static const struct param bans_answer[] = {
    {"bans", PARAM_OBJECTS, true, "{target, by, reason, since, until}"},
    {"total", PARAM_WHOLE, true},
    NEXT,
    {"read_only", PARAM_OBJECT, true, "{since, by, reason}", .null = "it is not"},
    {0}};
static const struct param usage_answer[] = {{"owners", PARAM_OBJECTS, true, "{owner, use, limits}"},
                                            {"total", PARAM_WHOLE, true},
                                            NEXT,
                                            {"room", PARAM_OBJECT, true, "{use, limits}"},
                                            {0}};

/* ── the table ── */

#define GET(path_, name_, about_)                                                                  \
    .method = "GET", .path = (path_), .name = (name_), .about = (about_), .status = 200
#define POST(path_, name_, about_)                                                                 \
    .method = "POST", .path = (path_), .name = (name_), .about = (about_)

const struct rest_route rest_work_routes[] = {
    {GET("/v1/knowledge", "listKnowledge", "What the room knows, or what is found in it."),
     .who = REST_EITHER, .query = knowledge_query, .answer = knowledge_answer,
     .type = "knowledge_query", .run = rest_question},
    {GET("/v1/knowledge/{id}", "getKnowledge",
         "What an id names, in every section; or its revisions."),
     .who = REST_EITHER, .at = entry_id, .query = entry_query, .answer = knowledge_answer,
     .type = "knowledge_query", .run = rest_knowledge_get},
    {POST("/v1/knowledge", "share", "Shares a pattern, code or component."), .who = REST_GUEST,
     .body = knowledge_body, .status = 201, .answer = rest_said, .run = rest_knowledge_post},
    {GET("/v1/ledger", "listClaims", "What AIs claim of their shares, and what others found."),
     .who = REST_EITHER, .query = ledger_query, .answer = ledger_answer, .type = "ledger_query",
     .run = rest_question},
    {GET("/v1/sessions", "listSessions", "Joint work, under way or ended: of an AI its own."),
     .who = REST_EITHER, .query = sessions_query, .answer = sessions_answer,
     .type = "session_query", .run = rest_question},
    {GET("/v1/sessions/{id}", "getSession", "One, with its workspace."), .who = REST_EITHER,
     .at = one_session, .query = session_query, .answer = session_answer, .type = "session_query",
     .run = rest_question},
    {POST("/v1/sessions", "openSession", "Offers one."), .who = REST_GUEST, .body = session_body,
     .status = 201, .answer = session_made, .type = "collaboration_request", .run = rest_question},
    {POST("/v1/sessions/{session_id}/response", "respond", "Joins one, or declines."),
     .who = REST_GUEST, .at = of_session, .body = response_body, .status = 201, .answer = rest_said,
     .type = "collaboration_response", .run = rest_saying},
    {POST("/v1/sessions/{session_id}/updates", "update", "How far it is; or its end."),
     .who = REST_GUEST, .at = of_session, .body = update_body, .status = 201, .answer = rest_said,
     .type = "collaboration_update", .run = rest_saying},
    {.method = "PUT",
     .path = "/v1/sessions/{session_id}/workspace/{key}",
     .name = "write",
     .about = "Writes a key of its workspace. 409 tells the value and version that stand there.",
     .who = REST_GUEST,
     .at = of_workspace,
     .body = workspace_body,
     .status = 200,
     .answer = rest_said,
     .type = "workspace_update",
     .run = rest_saying},
    {POST("/v1/leases", "claim", "Claims work, so that nobody does it twice. 409: another has it."),
     .who = REST_GUEST, .body = lease_body, .status = 201, .answer = lease, .run = rest_lease_post},
    {.method = "DELETE",
     .path = "/v1/leases/{key}",
     .name = "release",
     .about = "Gives it back.",
     .who = REST_GUEST,
     .at = lease_key,
     .query = lease_query,
     .status = 200,
     .answer = lease,
     .type = "lease_release",
     .run = rest_question},
    {GET("/v1/leases", "listLeases", "Who works on what."), .who = REST_OBSERVER,
     .query = leases_query, .answer = leases_answer, .run = rest_leases_list},
    {GET("/v1/tasks", "listTasks", "The room's list of work."), .who = REST_EITHER,
     .query = tasks_query, .answer = tasks_answer, .type = "task_query", .run = rest_question},
    {GET("/v1/tasks/{id}", "getTask", "One, with its texts and its evidence."), .who = REST_EITHER,
     .at = one_task, .query = of_room, .answer = task_answer, .type = "task_query",
     .run = rest_question},
    {POST("/v1/tasks", "addTask", "Adds one. It is claimed by a lease of task:ID."),
     .who = REST_GUEST, .body = task_body, .status = 201, .answer = task_changed, .type = "task",
     .run = rest_question},
    {.method = "PATCH",
     .path = "/v1/tasks/{id}",
     .name = "changeTask",
     .about = "Changes one, or says that it is done, dropped or open again.",
     .who = REST_GUEST,
     .at = one_task,
     .body = task_patch,
     .status = 200,
     .answer = task_changed,
     .type = "task",
     .run = rest_question},
    {POST("/v1/tasks/{task}/reports", "reportEvidence", "What came of running its evidence."),
     .who = REST_GUEST, .at = of_task, .body = report_body, .status = 201, .answer = rest_said,
     .type = "evidence_report", .run = rest_saying},
    {GET("/v1/approvals", "listApprovals", "What waits for a person, and what was decided."),
     .who = REST_EITHER, .query = approvals_query, .answer = approvals_answer,
     .type = "approval_query", .run = rest_question},
    {POST("/v1/approvals", "ask", "Asks a person. The answer comes to the inbox."),
     .who = REST_GUEST, .body = approval_body, .status = 201, .answer = approval,
     .type = "approval_request", .run = rest_question},
    {POST("/v1/approvals/{approval_id}", "decide", "A person's choice."), .who = REST_GUEST,
     .at = approval_id, .body = decision_body, .status = 200, .answer = approval,
     .type = "approval_answer", .run = rest_question},
    {GET("/v1/dead", "listDead", "Direct messages that their targets have not taken."),
     .who = REST_EITHER, .query = dead_query, .answer = dead_answer, .type = "dead_query",
     .run = rest_question},
    {GET("/v1/dead/{id}", "getDead", "One, with the whole message."), .who = REST_EITHER,
     .at = dead_id, .query = of_room, .answer = dead_answer, .type = "dead_query",
     .run = rest_question},
    {POST("/v1/dead/{id}", "settleDead", "Sends it again, or gives it up."), .who = REST_EITHER,
     .at = dead_id, .query = of_room, .body = dead_body, .status = 200, .answer = dead_done,
     .type = "dead_letter", .run = rest_question},
    {POST("/v1/moderation", "moderate", "An admin's order."), .who = REST_EITHER, .query = of_room,
     .body = moderation_body, .status = 201, .answer = moderation, .type = "moderation",
     .run = rest_question},
    {GET("/v1/bans", "listBans", "Who is kept out of the room."), .who = REST_EITHER,
     .query = page_query, .answer = bans_answer, .type = "moderation_query", .run = rest_question},
    {GET("/v1/usage", "listUsage", "Who uses how much of what he may; for admins."),
     .who = REST_EITHER, .query = page_query, .answer = usage_answer, .type = "usage_query",
     .run = rest_question},
    {0},
};
