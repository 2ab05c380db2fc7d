/* What others do about congestion: Reno, CUBIC, Vegas, for a link's flows (link.h). */
#ifndef KHUB_POLICY_NETWORKING_CONGESTION_H
#define KHUB_POLICY_NETWORKING_CONGESTION_H

#include "policy/networking/link.h"

/* AIMD: one packet a round trip more, half on loss (RFC 5681). */
extern const struct congestion_control congestion_reno;
/* A cubic curve through the window of the last loss, with its floor for Reno's friends (RFC 9438),
 * without HyStart. */
extern const struct congestion_control congestion_cubic;
/* Holds 2 to 4 packets of its own in the queue; slow start at half speed until 1 is there
 * (Brakmo, Peterson 1995). On loss it halves. */
extern const struct congestion_control congestion_vegas;

#endif
