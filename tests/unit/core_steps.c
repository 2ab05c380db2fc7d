#include "core_steps.h"

void join_all(struct fixture *f)
{
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 2, "");
    join(f, DAN, "dan", 1, "");
    join(f, EVE, "eye", 2, "'role':'observer'");
}

const char *request(struct fixture *f, const char *target)
{
    say(f, ADA, "collaboration_request",
        "{'type':'feature_development','description':'d','target_ai':'%s'}", target);
    json_t *update = expect(f, ADA, "collaboration_update");
    assert_string_equal(string_of(update, "status"), "pending");
    return string_of(update, "session_id");
}

void answer(struct fixture *f, unsigned peer, const char *session, bool accepted)
{
    say(f, peer, "collaboration_response", "{'session_id':'%s','accepted':%s,'reason':'because'}",
        session, accepted ? "true" : "false");
}

const char *active_session(struct fixture *f)
{
    const char *session = request(f, "bob");
    answer(f, BOB, session, true);
    assert_string_equal(string_of(session_of(f, session), "status"), "active");
    skip_all(f);
    return session;
}

json_t *expect_status(struct fixture *f, unsigned peer, const char *session, const char *status)
{
    json_t *update = expect(f, peer, "collaboration_update");
    assert_string_equal(string_of(update, "session_id"), session);
    assert_string_equal(string_of(update, "status"), status);
    return update;
}
