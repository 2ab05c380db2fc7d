/* First steps that the tests of collaboration share. */
#ifndef KHUB_TESTS_CORE_STEPS_H
#define KHUB_TESTS_CORE_STEPS_H

#include "core_fixture.h"

/* ada, bob and cey at level 2, dan at level 1, eye an observer (peer EVE). */
void join_all(struct fixture *f);
/* ada asks `target` ("": everyone); returns the session_id that she is told. */
const char *request(struct fixture *f, const char *target);
void answer(struct fixture *f, unsigned peer, const char *session, bool accepted);
/* A session of ada's and bob's that is under way, with nothing unread. */
const char *active_session(struct fixture *f);
/* The next collaboration_update for the peer tells this status of the session. */
json_t *expect_status(struct fixture *f, unsigned peer, const char *session, const char *status);

#endif
