/* What the messages of collaboration have in common. */
#ifndef KHUB_CORE_COLLABORATION_H
#define KHUB_CORE_COLLABORATION_H

#include "core/effects.h"
#include "core/handlers.h"

/* ,"name":"value" */
static inline void text_add_member(struct text *text, const char *name, struct slice value)
{
    text_addf(text, ",\"%s\":", name);
    text_add_string(text, value);
}

/* One line to the participants and the observers, but for one (NULL: for nobody). */
void effect_to_session(struct request *request, const struct outgoing *outgoing,
                       const struct session *session, const struct member *but);
/* The live session that payload.session_id names, and in which the sender takes part; it becomes
 * request->session. NULL, with the refusal filled, when there is none. */
struct session *session_named_by_participant(struct request *request);
/* -code of the refusal that was filled. */
int refused(const struct request *request);

#endif
