/* How well scores tell attack calls from normal ones: the ROC curve up to the rate of false alarms
 * that is acceptable. A call counts as attack and as normal with its probabilities of being so. */
#ifndef KHUB_POLICY_SECURITY_ROC_H
#define KHUB_POLICY_SECURITY_ROC_H

#include <stddef.h>

#include "policy/security/attack_filter.h"

#define ROC_FALSE_ALARMS 0.02

/* The share of attack calls that is missed when the calls with the highest scores are reported,
 * averaged over all thresholds up to ROC_FALSE_ALARMS: 1 - partial AUC, in 0..1. NAN when out of
 * memory. */
double roc_missed_area(const struct belief *beliefs, const uint16_t *scores, size_t count);
/* The least that any scores can reach. count <= 65536. NAN when out of memory. */
double roc_least_missed_area(const struct belief *beliefs, size_t count);

#endif
