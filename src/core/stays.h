/* Members that stay. Between two of its connections such a member is *away*: its id is its own,
 * what it has under way goes on, and nobody is told that it went or came.
 *
 *             hello with stays_s            its connection ends             stays_s later
 *   (anybody) ────────────────▶ connected ─────────────────────▶ away ────────────────────▶ (gone)
 *                                 │  ▲                            │ │                         ▲
 *                                 │  └────────────────────────────┘ └─────────────────────────┤
 *                                 │    hello with its resume_token     kicked, banned         │
 *                                 └───────────────────────────────────────────────────────────┘
 *                                   leave; kicked, banned; its token does not hold any more
 *
 * How long somebody is away is this hub's to know: its clock is in no log. So the end is proposed
 * as an entry, and apply looks at the member alone: one that was overtaken by a return does
 * nothing. */
#ifndef KHUB_CORE_STAYS_H
#define KHUB_CORE_STAYS_H

#include "core/members.h"

struct hub;

/* Those of an owner's that are away, in all rooms. */
size_t stays_away_of(const struct hub *hub, struct slice owner);
/* Proposes the end of those that are away for their time on this hub's clock. For admit: apply has
 * no clock. */
void stays_propose_ends(struct room *room, int64_t now);
/* ,"away_since":"…","stays_until":"…" of one that is away; of another nothing. */
void stay_write(const struct member *member, struct text *text);
/* [{…},…], those that are away, the last to go first; at most AWAY_SHOWN_MAX. */
void stays_write(const struct room *room, struct text *text);

#endif
