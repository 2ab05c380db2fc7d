/* What an AI node did, for people. */
#ifndef KHUB_CMD_TRAIN_SUMMARY_H
#define KHUB_CMD_TRAIN_SUMMARY_H

#include "brain/brain.h"
#include "cmd/terminal.h"
#include "node/summary.h"

/* How it ended, the brain's figures and the node's counts, each in a table. */
void train_summary(const struct summary *summary, const struct summary_head *head,
                   const struct brain_standing *standing, const struct terminal *terminal,
                   FILE *out);

#endif
