/* Names that pass for others: what an id must not look like. */
#ifndef KHUB_CORE_NAMES_H
#define KHUB_CORE_NAMES_H

#include "core/members.h"
#include "wire/message.h"

/* The connected members of a room whose names look alike, and yet are told apart by a reader: they
 * differ in the case of ASCII letters alone. There is no such object without a member. */
struct lookalikes {
    struct slice key; /* their skeleton (wire/confusable.h), owned */
    struct member_list members;
};

/* May anybody call itself so? 0, or -code: of nothing that can be seen, with what hides or
 * reorders, or like the hub. */
int name_check(struct slice ai_id, struct refusal *ret_refusal);
/* The connected member that a reader would take this id for; NULL when there is none. */
const struct member *name_taken_for(const struct room *room, struct slice ai_id);
/* The member is connected now, and no longer. Its id passed for nobody else. */
void name_seat(struct room *room, struct member *member);
void name_unseat(struct room *room, struct member *member);

#endif
