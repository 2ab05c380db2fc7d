/* What this subject's own files and its tests share; everybody else uses subject.h. */
#ifndef KHUB_POLICY_NETWORKING_SIMULATOR_H
#define KHUB_POLICY_NETWORKING_SIMULATOR_H

#include <stddef.h>

#include "policy/networking/link.h"
#include "policy/trace.h"

#define NETWORKING_LOSSES_MAX  512
#define NETWORKING_TRACE_LEAST 100 /* deliveries */

struct networking_rules;

struct networking_workload {
    struct link link; /* its flows have no control; their losses are those below */
    uint32_t lost[LINK_FLOWS_MAX][NETWORKING_LOSSES_MAX + 1];
    struct link_opportunities recorded; /* of a trace */
    uint32_t at_ms[];
};
/* As struct subject's workload_new and workload_read. */
void *networking_workload_new(uint64_t seed);
void *networking_workload_read(const struct trace_part *part, uint64_t seed);

/* The cost of what a link reports: 1 / geometric mean of the flows' powers. */
double networking_cost(const struct link *link, const struct link_report *report);
/* The cost when all flows of a link, whose own controls are not read, have this one. NAN when out
 * of memory. */
double networking_cost_under(const struct link *link, const struct congestion_control *control);
/* The control that decides by these rules, which must outlive it. */
struct congestion_control networking_control(const struct networking_rules *rules);

/* A link as it was recorded, with one flow, measured after 3 s of `seconds`: 40 ms long, and a
 * buffer of 250 packets. */
struct link networking_recorded(const struct link_opportunities *opportunities, uint32_t seconds);

/* The share of the link that one flow under these parameters gets beside one under Reno; buffer in
 * products of bandwidth and delay. Parameters NULL: Reno beside Reno. NAN when out of memory. */
double networking_share_beside_reno(const double *parameters, double buffer);

#endif
