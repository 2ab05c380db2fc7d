/* What a grant is good for: the table of rights, and its own words on ids, rooms and types. */
#include <sqlite3.h>
#include <stdio.h>

#include "auth/tokens.h"

static const char *const roles[TOKEN_ROLE_COUNT] = {
#define X(name, text) [TOKEN_##name] = (text),
    TOKEN_ROLES(X)
#undef X
};

static const struct {
    const char *what;
    enum token_may may[TOKEN_ROLE_COUNT];
} rights[TOKEN_RIGHT_COUNT] = {
#define X(name, what, member, observer, admin)                                                     \
    [TOKEN_MAY_##name] = {what, {TOKEN_##member, TOKEN_##observer, TOKEN_##admin}},
    TOKEN_RIGHTS(X)
#undef X
};

const char *token_role_text(enum token_role role)
{
    return roles[role];
}

const char *token_right_text(enum token_right right)
{
    return rights[right].what;
}

const char *token_may_text(enum token_right right, enum token_role role)
{
    static const char *const texts[TOKEN_MAY_COUNT] = {
#define X(name, text) [TOKEN_##name] = (text),
        TOKEN_MAYS(X)
#undef X
    };
    return texts[rights[right].may[role]];
}

enum token_may token_may(const struct token_grant *grant, enum token_right right)
{
    enum token_may may = rights[right].may[grant->role];
    if (may == TOKEN_GRANTED)
        return grant->sees_direct ? TOKEN_YES : TOKEN_NO;
    if (may == TOKEN_NAMED)
        return message_types_has(grant->types, MESSAGE_APPROVAL_ANSWER) ? TOKEN_YES : TOKEN_NO;
    return may;
}

struct message_types token_bars(const struct token_grant *grant)
{
    struct message_types published = message_types_published(), barred = {{0}};
    if (token_may(grant, TOKEN_MAY_SPEAK) == TOKEN_NO)
        return published;
    if (message_types_any(grant->types))
        return message_types_without(published, grant->types);
    if (token_may(grant, TOKEN_MAY_APPROVE) != TOKEN_YES)
        message_types_add(&barred, MESSAGE_APPROVAL_ANSWER);
    return barred;
}

int token_types_check(const struct token_grant *grant, char ret_why[TOKENS_WHY_SIZE])
{
    char types[MESSAGE_TYPES_TEXT_SIZE];
    struct message_types asking = message_types_without(grant->types, message_types_published());
    bool moderates = message_types_has(grant->types, MESSAGE_MODERATION);
    message_types_write(asking, types);
    if (message_types_any(grant->types) && token_may(grant, TOKEN_MAY_SPEAK) == TOKEN_NO)
        snprintf(ret_why, TOKENS_WHY_SIZE, "an %s publishes nothing in any case",
                 token_role_text(grant->role));
    else if (message_types_any(asking))
        snprintf(ret_why, TOKENS_WHY_SIZE,
                 "%.300s can be neither given nor taken away: whoever may come in may say it",
                 types);
    else if (moderates && token_may(grant, TOKEN_MAY_KEEP_ORDER) == TOKEN_NO)
        snprintf(ret_why, TOKENS_WHY_SIZE, "moderation is for admins, and not for a %s",
                 token_role_text(grant->role));
    else
        return 0;
    return -1;
}

bool token_permits_id(const struct token_grant *grant, struct slice ai_id)
{
    char id[ID_PATTERN_MAX + 1];
    if (ai_id.len >= sizeof id || memchr(ai_id.at, '\0', ai_id.len))
        return false;
    memcpy(id, ai_id.at, ai_id.len);
    id[ai_id.len] = '\0';
    return sqlite3_strglob(grant->ids, id) == 0;
}

bool token_permits_room(const struct token_grant *grant, struct slice room)
{
    const char *name = grant->rooms;
    if (!*name)
        return true;
    for (;;) {
        size_t len = strcspn(name, ",");
        if (slice_equal(room, (struct slice){name, len}))
            return true;
        if (!name[len])
            return false;
        name += len + 1;
    }
}
