/* Which messages `khub watch` shows. */
#ifndef KHUB_CMD_WATCH_FILTER_H
#define KHUB_CMD_WATCH_FILTER_H

#include "cmd/options.h"
#include "khub.h"
#include "wire/types.h"

/* Lists of what was asked for; an empty one asks for nothing. A message is shown when it is among
 * what each list that is not empty asks for. */
struct watch_filter {
    struct text_list types;    /* as on the wire, or as watch calls them: "report" */
    struct text_list ais;      /* who says it, hears it, or whom it is about */
    struct text_list sessions; /* the ids, or how they begin */
};

/* The types that one of the names means, as on the wire or as watch calls them; none when there are
 * no names. EXIT_WORKED, or EXIT_USAGE after a sentence on a name that means none. */
int types_named(const char *command, const struct text_list *names,
                struct message_types *ret_types);
/* EXIT_WORKED, or EXIT_USAGE after a sentence on a type that there is not. */
int watch_filter_check(const struct watch_filter *filter);
bool watch_filter_passes(const struct watch_filter *filter, const struct khub_message *message);

#endif
