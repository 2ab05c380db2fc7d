/* What this subject's own files and its tests share; everybody else uses subject.h. */
#ifndef KHUB_POLICY_NETWORKING_SIMULATOR_H
#define KHUB_POLICY_NETWORKING_SIMULATOR_H

#include <stddef.h>

#include "policy/networking/link.h"

#define NETWORKING_LOSSES_MAX 512

struct networking_workload {
    struct link link; /* its flows have no control; their losses are those below */
    double loss_at[LINK_FLOWS_MAX][NETWORKING_LOSSES_MAX + 1];
};

/* The cost of what a link reports: 1 / geometric mean of the flows' powers. */
double networking_cost(const struct link *link, const struct link_report *report);

/* The share of the link that one flow under these parameters gets beside one under Reno; buffer in
 * products of bandwidth and delay. Parameters NULL: Reno beside Reno. NAN when out of memory. */
double networking_share_beside_reno(const double *parameters, double buffer);

#endif
