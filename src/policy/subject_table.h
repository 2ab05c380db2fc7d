/* The subjects that are built, one file each. A new one is a line here and one in subject.c. */
#ifndef KHUB_POLICY_SUBJECT_TABLE_H
#define KHUB_POLICY_SUBJECT_TABLE_H

#include "policy/subject.h"

extern const struct subject subject_process_manager;
extern const struct subject subject_file_system;

#endif
