/* Every bound of the hub's state, in one place. Those that a hub's owner may want to move stand
 * in struct hub_config too. */
#ifndef KHUB_CORE_BOUNDS_H
#define KHUB_CORE_BOUNDS_H

/* ── who is there ── */

#define ROOM_NAME_MAX          64u    /* bytes */
#define ROOMS_MAX              256u   /* of a hub; an empty one makes place for a new one */
#define MEMBERS_REMEMBERED_MAX 65536u /* AIs that left, in a room; the longest gone go first */
#define STAY_MAX_S             86400u /* that a member may be away, and stay */
#define STAYING_MAX            4096u  /* members of a room that stay, connected or away, */
#define STAYING_EACH_MAX       512u   /* and of one token */
#define AWAY_SHOWN_MAX         256u   /* of them in one training_sync, the last to go first */
#define AWAITED_MAX            1024u  /* replies awaited in a room, */
#define AWAITED_EACH_MAX       64u    /* and by one AI */
#define REPLY_BY_MAX_S         86400u /* seconds that one may take */
/* Direct messages that were not taken (letters.h): in a room, and of one sender. */
#define LETTERS_MAX            4096u
#define LETTERS_BYTES_MAX      (16u << 20)
#define LETTERS_EACH_MAX       512u
#define LETTERS_BYTES_EACH_MAX (4u << 20)
#define CHAIN_MAX              50u   /* replies in a row (chains.h); --max-chain changes it */
#define CHAIN_LINKS_MAX        4096u /* remembered in a room */
#define CHAIN_PAUSE_MS         600000
#define LOOP_TOLD_MS           10000 /* between two words to the admins of a room */
#define RECEIPTS_IN_BLOCK      256u
/* Of one AI: its last 10,000 messages at the least; more, but no more than 131,072, as long as they
 * are at most so old. In a room; what is over anybody's 10,000 goes first, then those of who is
 * silent longest. */
#define RECEIPT_BLOCKS_EACH_LEAST 41u
#define RECEIPT_BLOCKS_EACH_MAX   513u
#define RECEIPTS_WITHIN_MS        600000
#define RECEIPTS_MAX              (1u << 22)
#define SENT_EACH_MAX             256u   /* messages of one AI of which it may ask what became, */
#define SENT_MAX                  16384u /* and of a room; */
#define ACTS_EACH_MAX             64u    /* of one, receivers that acted on it, */
#define ACTS_MAX                  65536u /* and of a room */
#define SENT_LOOKS_MAX            65536u /* receivers looked at for one answer */
#define SENT_RECEIVERS_SHOWN      8u     /* of each of several messages */
#define CAPABILITIES_MAX          64u    /* of one AI */
#define CAPABILITY_BYTES_MAX      128u
#define OPPORTUNITIES_MAX         5u   /* in one training_sync, the seed's number */
#define ON_SHOWN_MAX              8u   /* leases, tasks, sessions of a member in a member_result */
#define OWN_IDS_MAX               256u /* of an owner, whose past a token of its may observe */
#define TOKEN_SHOWN_MAX           128u /* bytes of what a hello may show as its token */
#define BAD_LINES_MAX             100u /* in a row; then the connection is closed */

/* ── moderation ── */

#define MODERATION_REASON_MAX 256u  /* bytes */
#define BANS_MAX              4096u /* in force in a room */
#define SAID_BLOCK            4096u /* entries, of which a room knows whether they are messages: */
#define SAID_BLOCKS_MAX       256u  /* so often; 256 KiB */
#define BAN_SECONDS_MAX       (10ull * 366 * 86400)
#define BANS_SHOWN_PRESET     100u /* in one moderation_result, when the query does not say; */
#define BANS_SHOWN_MAX        200u /* at the most */
#define USAGE_SHOWN_PRESET    100u /* owners in one usage_result, likewise */
#define USAGE_SHOWN_MAX       200u

/* ── sessions ── */

#define SESSIONS_LIVE_MAX       4096u /* pending and active, in a room */
#define SESSIONS_LIVE_EACH_MAX  64u   /* pending and active, of one initiator */
#define SESSIONS_ENDED_MAX      1024u /* remembered after their end, the oldest go first */
#define PARTICIPANTS_MAX        8u    /* of one session, its initiator counted */
#define WORKSPACE_KEYS_MAX      256u
#define WORKSPACE_KEY_BYTES_MAX 256u
#define WORKSPACE_BYTES_MAX     (4u << 20)
#define WORKSPACES_BYTES_MAX    (256u << 20) /* of all sessions of all rooms */

/* ── files in workspaces (artifacts.h) ── */

#define ARTIFACT_BYTES_MAX       (64u << 20)
#define ARTIFACT_NAME_MAX        256u         /* bytes */
#define ARTIFACT_CHUNK_BYTES     (128u << 10) /* of all chunks of one but the last, */
#define ARTIFACT_CHUNKS_MAX      1024u        /* and so many of them at the most */
#define ARTIFACTS_MAX            4096u        /* in a room, */
#define ARTIFACTS_BYTES_MAX      (1ull << 30) /* and their bytes, those to come as well; */
#define ARTIFACTS_BYTES_EACH_MAX (256u << 20) /* of one owner; */
#define ARTIFACTS_SESSION_MAX    256u         /* of one session */
#define UPLOADS_EACH_MAX         8u           /* of one AI that are not whole */
#define ARTIFACTS_HUB_BYTES_MAX  (4ull << 30) /* in all rooms */

/* ── leases ── */

#define LEASES_MAX             4096u /* open in a room */
#define LEASES_EACH_MAX        64u   /* of one AI */
#define LEASE_KEY_BYTES_MAX    256u
#define LEASE_INTENT_BYTES_MAX 1024u
/* of its holder's silence; who left takes no room for longer */
#define LEASE_TTL_MAX_S 3600u

/* ── touches ── */

#define TOUCHES_MAX          4096u /* open in a room, */
#define TOUCHES_EACH_MAX     256u  /* and of one AI */
#define TOUCHES_SHOWN_MAX    256u  /* to an observer that joins, the last ones */
#define TOUCH_PATHS_MAX      64u   /* in one message */
#define TOUCH_PATH_BYTES_MAX 256u
#define TOUCH_NOTE_BYTES_MAX 1024u
#define TOUCH_TTL_S          3600u /* when the message does not say */
#define TOUCH_TTL_MAX_S      86400u
#define OVERLAPS_SHOWN_MAX   7u  /* in one path_warning, beside whoever comes */
#define OVERLAP_LOOKS_MAX    64u /* at each of a path, and below it */

/* ── approvals ── */

#define APPROVALS_MAX          256u  /* that wait for a person in a room, */
#define APPROVALS_EACH_MAX     16u   /* and of one AI */
#define APPROVALS_DECIDED_MAX  1024u /* remembered; the first that were decided go first */
#define APPROVAL_CHOICES_MAX   8u
#define APPROVAL_CHOICE_MAX    64u /* bytes */
#define APPROVAL_QUESTION_MAX  4096u
#define APPROVAL_NOTE_MAX      1024u
#define APPROVAL_ID_MAX        24u /* "a", and a seq */
#define APPROVAL_TIMEOUT_MAX_S 86400u
/* ── tasks ── */

#define TASKS_OPEN_MAX       4096u /* in a room, */
#define TASKS_OPEN_EACH_MAX  1024u /* and added by one owner's AIs */
#define TASKS_BYTES_MAX      (16u << 20)
#define TASKS_BYTES_EACH_MAX (8u << 20)
/* remembered when they are done or dropped; the longest closed go first */
#define TASKS_CLOSED_MAX       4096u
#define TASKS_CLOSED_BYTES_MAX (16u << 20)
#define TASK_ID_BYTES_MAX      64u
#define TASK_TITLE_BYTES_MAX   256u
#define TASK_BODY_BYTES_MAX    (16u << 10)
#define TASK_WHY_BYTES_MAX     1024u
#define TASK_NEEDS_MAX         64u  /* that one task waits for */
#define TASK_BLOCKS_MAX        256u /* that wait for one task */
#define EVIDENCE_MAX           16u  /* commands that show that one task is done */
#define EVIDENCE_COMMAND_MAX   1024u
#define EVIDENCE_PRINTED_MAX   4096u /* bytes; of more than that its SHA-256 is told */
#define EVIDENCE_EXIT_MAX      UINT32_MAX
#define RERUNS_MAX             32u /* kept of one of these commands */
#define RERUN_NOTE_MAX         256u

/* ── knowledge ── */

#define KNOWLEDGE_ENTRIES_MAX  200000u      /* in a room: patterns, components and features */
#define KNOWLEDGE_BYTES_MAX    (1u << 30)   /* in a room; --max-knowledge changes it */
#define STORED_BYTES_MAX       (4ull << 30) /* in all rooms */
#define KNOWLEDGE_SHARES       8u           /* one AI may have one of so many shares of a room */
#define LOOSE_BENCHMARKS_MAX   8192u        /* in a room: of ids that name nothing */
#define ENTRY_OVERHEAD         256u         /* bytes that an entry counts for beside its texts, */
#define REPORT_OVERHEAD        128u         /* and a report */
#define REPORTS_EACH_MAX       256u         /* kept for one component, the newest */
#define REPORTS_BYTES_EACH_MAX (4u << 20)   /* their metrics, together */
#define SHARES_EACH_MAX        1024u        /* seqs at which one entry was shared, the last */
#define FORMERS_EACH_MAX       16u          /* former revisions kept of one entry, the newest */
#define FORMERS_BYTES_EACH_MAX (512u << 10) /* of them, but one in any case */
#define FORMERS_BYTES_MAX      (64u << 20)  /* in a room, and no more than it knows otherwise, */
#define FORMERS_BYTES_LEAST    (1u << 20)   /* or this */
#define COMPONENT_ID_BYTES_MAX 512u
#define REQUIREMENTS_BYTES_MAX (16u << 10)  /* of a feature_request */
#define QUERY_LIMIT            200u         /* entries in one knowledge_result, at the most; */
#define QUERY_PRESET           50u          /* when the query does not say */
#define LOG_LIMIT              1000u        /* messages in one log_result, at the most */
#define QUERY_SEARCHED_MAX     (256u << 10) /* bytes searched for one, and an entry more */
#define QUERY_LOOKS_MAX        4096u        /* entries looked at for one */
#define SEARCHES_EACH_MAX      16u          /* of one connection, under way at once */
#define SEARCHED_REPORTS_MAX   (64u << 10)  /* bytes of the reports on an id that are searched */
#define SYNC_LIMIT             (1u << 20)   /* in one training_sync; --sync-limit changes it */

/* ── the ledger: the oldest commitments go first, unclaimed before claimed while those are at
 * most half ── */

#define COMMITMENTS_EACH_MAX 256u   /* kept of one AI */
#define EPOCH_SETS_MAX       4u     /* that one owner commits itself to in one epoch (epochs.c) */
#define COMMITMENTS_MAX      65536u /* kept in a room */
#define ACCOUNTS_MAX         16384u /* AIs in a room's ledger; the longest unchanged goes first */
#define ACCOUNTS_SHOWN_MAX   256u   /* of them in one training_sync, newest change first */
/* Workloads on which a claim stands: with a choice, one could look for the luckiest number. */
#define CLAIM_SEEDS       64u
#define VERIFIERS_NEEDED  2u   /* owners, for a claim or evidence to be confirmed or refuted */
#define VERIFIERS_MAX     32u  /* kept of one claim */
#define VERIFIER_TEXT_MAX 256u /* bytes of its profile and of its reason; longer: not kept */
#define PARENTS_MAX       16u  /* of one claim that are looked at */
#define SEAL_CLAIMS_MAX   16u  /* live claims with one commitment */
#define ANCESTORS_MAX     32u  /* of one claim that are looked at, nearest first */

/* ── time, in milliseconds ── */

#define SESSION_PENDING_MS   60000  /* pending with no taker: expired */
#define SESSION_SILENT_MS    120000 /* active, and no participant heard of: abandoned */
#define HEARTBEAT_TIMEOUT_MS 90000  /* level 2, silent: closed */
#define EPOCH_MS             2000   /* of an epoch; --epoch changes it */
#define EPOCH_LATE_MS        1000   /* after which it has ended, if the hub is not overloaded */
#define SEAL_MS              600000 /* from a claim's first measurement until all is told */
#define CURSOR_MS            5000   /* between two that are kept of one connection */
#define CLOCK_STEP_MAX_MS    5000   /* a longer step of the clock counts as this much */

#endif
