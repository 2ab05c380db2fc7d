/* What the specializations can do: the seed's table. */
#ifndef KHUB_BRAIN_CAPABILITIES_H
#define KHUB_BRAIN_CAPABILITIES_H

#include <jansson.h>

/* The eight specializations and `general`, NULL-terminated; and the seed's capabilities of one
 * (NULL-terminated), NULL when unknown. */
extern const char *const trainer_specializations[];
const char *const *trainer_capabilities(const char *specialization);
/* features_supported: the parts of an OS that the seed's OSFeature names, NULL-terminated. */
extern const char *const trainer_features[];
/* The capabilities as a JSON array; empty for an unknown specialization. NULL when out of
 * memory. */
json_t *capabilities_json(const char *specialization);

#endif
