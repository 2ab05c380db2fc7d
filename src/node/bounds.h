/* Every bound of an AI node, in one place. Those of the brain stand in brain.h, those of the
 * workers in jobs.h. */
#ifndef KHUB_NODE_BOUNDS_H
#define KHUB_NODE_BOUNDS_H

#define SESSION_ID_MAX       64u   /* bytes; the hub's are UUIDs */
#define ID_MAX               128u  /* bytes of an AI's id */
#define ROOM_MAX             64u   /* bytes of a room's name */
#define THING_ID_MAX         256u  /* bytes of a pattern's or component's id */
#define SESSIONS_TRACKED_MAX 16u   /* own requests that wait, and live ones */
#define SESSIONS_AT_ONCE_MAX 8u    /* that this AI takes part in */
#define REQUESTS_WAITING_MAX 7u    /* own requests with no taker */
#define SESSIONS_WANTED      2u    /* with fewer active ones it asks for more (the seed's number) */
#define SESSIONS_OTHER_TYPES 3u    /* with fewer it accepts any type (the seed's number) */
#define MEMBERS_MAX          512u  /* whose specialization is remembered */
#define MEMBER_CAPABILITIES  16u   /* remembered of each */
#define SEEKING_MAX          6u    /* capabilities named in a request */
#define FEATURES_MAX         256u  /* requests remembered, to act once on each */
#define SEEN_THINGS_MAX      1024u /* patterns and components remembered, to check each once */
#define ELITES_MAX           8u  /* of what the hub knows at joining, the best of its own subject */
#define ELITES_OF_ONE_MAX    2u  /* of one AI */
#define REFEREE_ELITES_MAX   32u /* the referee takes more, of all subjects */
#define REFEREE_OF_ONE_MAX   8u
#define MIGRANT_ROOMS_MAX    16u  /* other rooms that are looked into */
#define MIGRANT_PAGES_MAX    32u  /* of the claims of one, at a look */
#define CHECKS_OF_ONE_MAX    16u  /* things of one AI that wait to be checked */
#define ANSWERS_OF_ONE_MAX   4u   /* feature requests of one AI that wait to be answered */
#define FEATURE_WAITS_MAX    32u  /* of all */
#define LEASE_KEY_MAX        256u /* bytes: the hub's bound */
#define PROOFS_MAX           32u  /* claims that wait for the hub's nonce, or to be proved */
#define REFUTED_MAX          3u   /* claims of one AI that failed; then its things are not run */
#define UNREADABLE_MAX       4u /* candidates of a session that can't be run; then it has failed */
#define WRITES_LOST_MAX      4u /* writes in a row to which no answer that can be read came */

#define CANDIDATE_KEY        "candidate" /* of the workspace */

#define TICK_MS              200
#define REQUEST_MS           10000  /* the seed's */
#define STEP_MS              1000   /* from the beginning of a session's step to that of the next */
#define STEPS                8u     /* in which a session's budget is spent when all work */
#define SEARCHED_MAX         16u    /* steps of one that come before other sessions': twice STEPS */
#define OPEN_MS              400    /* the initiator waits so long for more to accept */
#define JOIN_MS              1500   /* the others wait so long for it to open the workspace */
#define WRITE_MS             5000   /* for the hub's answer to a workspace_update */
#define TURN_MS              4000   /* to conclude, for each participant who comes before */
#define OFFERED_MS           70000  /* to become active: the hub's 60 s and a margin */
#define AT_WORK_MS           10000  /* from one word on a session's work under way to the next */
#define IDLE_MS              300000 /* without a sign of anybody, once active */
#define ENDED_MS             32000  /* the same, where one certain move is due */
#define SESSION_NEEDS_MS     10000  /* with less time left, no session is begun */
#define GRACE_MS             6000   /* for sessions to come to their end after the time is up */
#define FLUSH_MS             3000   /* for the last messages */
#define MEASURE_MS           2000   /* at least, from one measuring of the standing to the next */
#define PROGRESS_MS          250    /* from one telling of the progress to the next */
#define CHALLENGE_MS         30000  /* for the hub's nonce, beside an epoch, while it is there */
#define REVIEW_MS            20000  /* for a partner's review, after the last one */
#define MIGRANT_MS           60000  /* for a look into another room */
#define RETRY_MAX_MS         5000   /* from one try to reach the hub to the next */
#define AWAY_MS              60000  /* from one word on a hub that is away to the next */

#define EPOCH_MAX_MS         3600000 /* that a hub may say an epoch takes */

#endif
