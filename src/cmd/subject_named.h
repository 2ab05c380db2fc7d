/* Subjects by the names that people type. */
#ifndef KHUB_CMD_SUBJECT_NAMED_H
#define KHUB_CMD_SUBJECT_NAMED_H

#include "policy/subject.h"

/* NULL when there is none: then a sentence on stderr says so, with the nearest name. */
const struct subject *subject_named(const char *command, const char *name);

#endif
