/* The subjects that are built, a folder each. A new one is a line here, one in subject.c and one in
 * meson.build. */
#ifndef KHUB_POLICY_SUBJECT_TABLE_H
#define KHUB_POLICY_SUBJECT_TABLE_H

#include "policy/subject.h"

extern const struct subject subject_process_manager;
extern const struct subject subject_file_system;
extern const struct subject subject_networking;
extern const struct subject subject_security;
extern const struct subject subject_graphics;
extern const struct subject subject_audio;
extern const struct subject subject_window_manager;
extern const struct subject subject_performance;
extern const struct subject subject_size_classes;

#endif
