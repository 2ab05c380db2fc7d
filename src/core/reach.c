/* See reach.h. */
#include "core/reach.h"

#include <inttypes.h>

#include "core/members.h"

enum reached reach_find(const struct member *member, uint64_t cursor, uint64_t seq)
{
    const struct reach *reach = &member->reach;
    if (seq <= reach->first)
        return REACHED_NOT;
    if (seq > reach->from && seq <= reach->to)
        return reach->again ? REACHED_NOW : seq <= reach->given ? REACHED_ONCE : REACHED_LATER;
    if (seq <= cursor)
        return REACHED_READ;
    if (member->peer)
        return REACHED_NOW;
    return seq <= reach->left ? REACHED_ONCE : REACHED_LATER;
}

static void gap_end(struct reach *reach)
{
    reach->from = reach->given = reach->to = 0;
    reach->again = false;
}

void reach_begin(struct member *member, uint64_t seq)
{
    struct reach *reach = &member->reach;
    if (!reach->left) { /* it was never here before */
        reach->first = seq;
        return;
    }
    if (reach->to && member->cursor >= reach->to) { /* it reads on behind that: a new one begins */
        reach->first = reach->to;
        gap_end(reach);
    }
    if (!reach->to) {
        reach->from = member->cursor;
        reach->given = reach->left > reach->from ? reach->left : reach->from;
    }
    reach->to = seq;
}

void reach_resume(struct member *member, uint64_t since)
{
    struct reach *reach = &member->reach;
    if (!reach->left) /* and its cursor begins here: what comes of before it won't tell */
        reach->first = member->cursor;
    if (!reach->to)
        return;
    if (since <= reach->from && member->cursor > reach->from) {
        /* what it missed comes, and its cursor is beyond it until it says so anew */
        reach->to = reach->given = member->cursor < reach->to ? member->cursor : reach->to;
        reach->again = true;
    } else if (since <= reach->from) {
        gap_end(reach);
    } else if (since < reach->to && member->cursor <= since) {
        reach->to = since;
        if (reach->given > since)
            reach->given = since;
    } else if (since >= reach->to && reach->given == reach->to) {
        gap_end(reach); /* all of it was given, and now it says that it has read it */
    }
}

void reach_end(struct member *member, uint64_t seq)
{
    member->reach.left = seq;
    member->reach.again = false;
}

void reach_read(struct member *member)
{
    struct reach *reach = &member->reach;
    uint64_t read = member->cursor < reach->given ? member->cursor : reach->given;
    if (read > reach->from)
        reach->from = read;
    if (reach->from >= reach->to)
        gap_end(reach);
}

void reach_write(const struct reach *reach, struct text *text)
{
    text_addf(text, "[%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%d]",
              reach->first, reach->from, reach->given, reach->to, reach->left, reach->again);
}

bool reach_fits(const struct reach *reach, uint64_t last_seq)
{
    bool gap = reach->from < reach->to && reach->from <= reach->given && reach->given <= reach->to;
    bool none = !reach->from && !reach->given && !reach->to;
    return (gap || (none && !reach->again)) && reach->to <= last_seq && reach->left <= last_seq &&
           reach->first <= last_seq;
}
