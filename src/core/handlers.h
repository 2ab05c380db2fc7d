/* What each message type does. One row each in apply.c.
 *
 * TYPE_check: 0, or -code with request->refusal filled. It changes nothing, but notes in the
 * request what proceed will want. TYPE_proceed: after a check that passed on the same state; it
 * can't fail. */
#ifndef KHUB_CORE_HANDLERS_H
#define KHUB_CORE_HANDLERS_H

#include "core/request.h"

struct peer;

/* ── joining (hello.c) ── */

int hello_check(struct request *request);
void hello_proceed(struct request *request);
/* The room a hello asks for; "main" when it names none. -code when the name is not one. */
int hello_room(const struct message *message, char buffer[ROOM_NAME_MAX], struct slice *ret_name,
               struct refusal *ret_refusal);
/* Answers a message that nothing can be made of now since it can't be kept, if it is an observer's
 * hello: that observer is a guest. False when it is not. */
bool hello_receive(struct hub *hub, struct peer *peer, struct room *room,
                   const struct message *message, int64_t now);
/* Did admit let an admin in by it? */
bool hello_is_admins(const struct message *message);
/* The name of the token that admit let it in by; len 0: of none. */
struct slice hello_owner(const struct message *message, char buffer[WIRE_ID_MAX]);
/* Does it ask to observe? */
bool hello_observes(const struct message *message);
/* May this message's sender take its id on this connection? And then it does: request->member. */
int join_check(struct request *request);
void join_proceed(struct request *request);
/* Tells level 2 who went. `own` (NULL: nobody): its connection, which is told too. */
void presence_tell(struct request *request, const struct member *member, struct slice reason,
                   const struct seat *own);

/* A chat's text is a string. */
int chat_check(struct request *request);

/* ── shares (shares.c) ── */

/* Has the room room for request->growth? */
int quota_check(struct request *request);
/* Makes it. */
void quota_make_room(struct request *request);
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

/* ── commitments and claims (ledger.c, claiming.c, verification.c) ── */

int commitment_check(struct request *request);
void commitment_proceed(struct request *request);
/* Tells its author the nonce of a commitment (epochs.c). */
void challenge_send(struct request *request, const struct commitment *commitment,
                    struct slice in_reply_to);
/* Nobody enters it any more: its nonce is made, and told to those who did. */
void epoch_end(struct request *request, struct epoch *epoch);
/* The same of the one whose key that is; nothing when there is none. */
void epoch_time_up(struct request *request, struct slice key);
/* Whether the body, which stands at `path` in the message and whose members were found, is a
 * claim, and fit to be one: fills request->claiming, or request->mismatched and the refusal. */
int claim_check(struct request *request, const char *path);
/* What the sender's page in the ledger adds when it is written. */
struct growth account_growth(const struct request *request);
/* What a claim that contradicts its commitment costs its sender: it is counted on its account. */
void claim_count_mismatch(struct request *request);
/* The claim that was checked is made now. */
void claim_made(struct request *request);
/* What the author of a commitment measured (seals.c). */
int measurement_check(struct request *request);
void measurement_proceed(struct request *request);
/* All that is held back of these claims is told. */
void seal_break(struct request *request, struct seal *seal);
/* Something was reported on these: of those that are sealed, it may be what was waited for. */
void seals_measured(struct request *request, struct knowledge_entry *const named[NAMED_MAX]);
/* Their time is over; nothing when all is told by now. */
void seal_time_up(struct request *request, struct slice commitment_id);
/* Tells level 2 what became of a claim. */
void verification_tell(struct request *request, const struct claim_change *change);

/* ── collaboration (collaboration.c) ── */

/* The end of its time: pending → expired, active → abandoned; nothing when it is in another
 * state by now. */
void session_expire(struct request *request, struct slice session_id, enum session_state in);
/* A level 1 AI accepts by its first message that names a session. */
void session_accept_by_naming(struct request *request);
void session_complete(struct request *request);

int collaboration_request_check(struct request *request);
void collaboration_request_proceed(struct request *request);
int collaboration_response_check(struct request *request);
void collaboration_response_proceed(struct request *request);
int collaboration_update_check(struct request *request);
void collaboration_update_proceed(struct request *request);
/* For an os_component_share with collaboration_complete: sets request->session. */
int completion_check(struct request *request);

/* ── leases (leases.c) ── */

/* Is its sender of level 2, which alone is told `what`? Also of approvals and tasks. */
int level_check(struct request *request, const char *what);

int lease_request_check(struct request *request);
void lease_request_proceed(struct request *request);
int lease_release_check(struct request *request);
void lease_release_proceed(struct request *request);
/* payload.lease, when it is there, is a lease that the sender holds. */
int lease_check_fence(struct request *request);
/* The end of its time; of these bytes, which leases_propose_ends wrote. */
void lease_expire(struct request *request, struct slice bytes);

/* ── touches (touches.c) ── */

int touch_check(struct request *request);
void touch_proceed(struct request *request);
/* The end of its time; of these bytes, which touches_propose_ends wrote. */
void touch_expire(struct request *request, struct slice bytes);

/* ── approvals (approvals.c) ── */

int approval_request_check(struct request *request);
void approval_request_proceed(struct request *request);
int approval_answer_check(struct request *request);
void approval_answer_proceed(struct request *request);
/* The end of its time; nothing when it is decided by now. */
void approval_overdue(struct request *request, struct slice id);
/* What was said in the message of this seq is known no more: a question is withdrawn. */
void approvals_retract(struct request *request, uint64_t seq);
/* ── tasks (task_messages.c, task_evidence.c, task_query.c) ── */

int task_check(struct request *request);
void task_proceed(struct request *request);
/* What a task's done says of itself, read into *ret_evidence, which is the caller's to free. 0, or
 * -code. */
int evidence_read(struct request *request, struct evidence *ret_evidence);
int evidence_report_check(struct request *request);
void evidence_report_proceed(struct request *request);
/* The same as query_answer, of a task_query. */
int task_query_answer(struct request *request, const struct seat *to);

/* ── members that stay (stays.c) ── */

/* Has the room room for one more member that stays, if the sender does not yet? */
int stay_check(struct request *request);
/* The end of its time; of these bytes, which stays_propose_ends wrote. */
void stay_expire(struct request *request, struct slice bytes);

/* ── letters (letters.c) ── */

int dead_letter_check(struct request *request);
void dead_letter_proceed(struct request *request);

/* ── queries (query.c) ── */

/* Answers a knowledge_query of a member's, in its own connection: an answer of admit's. 0, or -code
 * when it is refused. */
int query_answer(struct request *request, const struct seat *to);
/* Answers one that asked for words, with what an index found. 0, or -code. */
int query_found(struct request *request, const struct seat *to, const struct search_wish *wish,
                const struct search_found *found);
/* The same of a log_query (log_query.c): 0 also when the answer is on its way. */
int log_query_answer(struct request *request, const struct seat *to);
/* The same of a member_query (member_query.c). */
int member_query_answer(struct request *request, const struct seat *to);
/* A member as an observer and who asks are told it. */
void member_write(const struct room *room, const struct member *member, struct text *text);
/* The same of a session_query (session_query.c). */
int session_query_answer(struct request *request, const struct seat *to);
/* The same of an approval_query (approval_query.c). */
int approval_query_answer(struct request *request, const struct seat *to);
/* The same of a usage_query (usage.c). */
int usage_answer(struct request *request, const struct seat *to);
/* The same of a stats_query (stats.c). */
int stats_answer(struct request *request, const struct seat *to);
/* The same of a ledger_query (ledger_query.c). */
int ledger_query_answer(struct request *request, const struct seat *to);

/* ── workspaces (workspace.c) ── */

/* Bytes by which a workspace_update, if it is taken, adds to its workspace. */
size_t workspace_growth(const struct request *request);
int workspace_check(struct request *request);
void workspace_proceed(struct request *request);

/* ── files in them (artifact_offer.c, artifact_chunk.c) ── */

int artifact_offer_check(struct request *request);
void artifact_offer_proceed(struct request *request);
int artifact_chunk_check(struct request *request);
void artifact_chunk_proceed(struct request *request);

#endif
