/* The subjects, a folder each. A new one is a row here and one in meson.build. */
#ifndef KHUB_POLICY_SUBJECT_TABLE_H
#define KHUB_POLICY_SUBJECT_TABLE_H

#include "policy/subject.h"

/* In the order in which they are listed. The first of a specialization is the one that its AIs
 * search. */
#define SUBJECTS(X)                                                                                \
    X(process_manager)                                                                             \
    X(file_system)                                                                                 \
    X(networking)                                                                                  \
    X(security)                                                                                    \
    X(performance)                                                                                 \
    X(graphics)                                                                                    \
    X(audio)                                                                                       \
    X(window_manager)                                                                              \
    X(size_classes)

#define X(name) extern const struct subject subject_##name;
SUBJECTS(X)
#undef X

#endif
