/* How well scores tell attack calls from normal ones: the ROC curve, as far as false alarms are
 * bearable. Calls count as much for each as is believed of them. */
#ifndef KHUB_POLICY_SECURITY_ROC_H
#define KHUB_POLICY_SECURITY_ROC_H

#include <stddef.h>

#include "policy/security/attack_filter.h"

#define ROC_FALSE_ALARMS 0.02

/* The share of attack calls that is missed when those with the highest scores are reported, mean
 * over all thresholds up to ROC_FALSE_ALARMS: 1 - partial AUC, in 0..1. NAN when out of memory. */
double roc_missed_area(const struct belief *beliefs, const uint16_t *scores, size_t count);
/* The least that any scores can have; at most 65536 calls. NAN when out of memory. */
double roc_least_missed_area(const struct belief *beliefs, size_t count);

#endif
