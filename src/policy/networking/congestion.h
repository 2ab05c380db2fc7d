/* The baselines: Reno, CUBIC and Vegas, for the flows of a link (link.h). */
#ifndef KHUB_POLICY_NETWORKING_CONGESTION_H
#define KHUB_POLICY_NETWORKING_CONGESTION_H

#include "policy/networking/link.h"

/* AIMD: one packet a round trip more, half on loss (RFC 5681). */
extern const struct congestion_control congestion_reno;
/* A cubic curve through the window at the last loss, with the Reno-friendly floor (RFC 9438),
 * without HyStart. */
extern const struct congestion_control congestion_cubic;
/* Keeps 2 to 4 packets of its own in the queue; slow start at half speed until 1 is there (Brakmo,
 * Peterson 1995). Halves its window on loss. */
extern const struct congestion_control congestion_vegas;

#endif
