/* The baselines, for the flows of a link (link.h). Reno, CUBIC and Vegas send as acknowledgements
 * come, both BBR at a pace: each as it is used. */
#ifndef KHUB_POLICY_NETWORKING_CONGESTION_H
#define KHUB_POLICY_NETWORKING_CONGESTION_H

#include "policy/networking/link.h"

/* AIMD: one packet a round trip more, half on loss (RFC 5681). */
extern const struct congestion_control congestion_reno;
/* A cubic curve through the window at the last loss, with the Reno-friendly floor (RFC 9438),
 * without HyStart. */
extern const struct congestion_control congestion_cubic;
/* Keeps 2 to 4 packets of its own in the queue, decided once a round trip by its shortest time;
 * slow start at half speed until 1 is there (Brakmo, Peterson 1995). Half its window on loss. */
extern const struct congestion_control congestion_vegas;
/* A model of the line, most of its bandwidth and least of its length: startup, drain, a cycle of
 * gains, and four packets for 0.2 s when the length was not seen for 10 s; after losses a packet
 * out for a packet in, for a round trip. Version 1, without its guess at policers
 * (draft-cardwell-iccrg-bbr-congestion-control-00). */
extern const struct congestion_control congestion_bbr;
/* Version 3 (draft-ietf-ccwg-bbr-04): tries for more every few seconds, goes down by a tenth until
 * the queue has gone, bounds what is on its way by where 2 % of it were lost, and goes with the
 * bandwidth that is left when others cause losses; half a product when the length was not seen for
 * 5 s. Without ECN, and without its allowance for acknowledgements that come in bunches. */
extern const struct congestion_control congestion_bbr3;

#endif
