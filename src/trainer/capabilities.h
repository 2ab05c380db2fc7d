/* What the specializations can do: the seed's table. */
#ifndef KHUB_TRAINER_CAPABILITIES_H
#define KHUB_TRAINER_CAPABILITIES_H

#include <jansson.h>

/* features_supported: the parts of an OS that the seed's OSFeature names, NULL-terminated. */
extern const char *const trainer_features[];
/* The capabilities as a JSON array; empty for an unknown specialization. NULL when out of memory. */
json_t *capabilities_json(const char *specialization);

#endif
