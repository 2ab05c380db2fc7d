/* A link's making and its end: what it is told is checked and kept, and what every hello says of it
 * is written once. What can't be said in a line is found here, and not when a hub waits for it. */
#include <assert.h>
#include <stdlib.h>

#include "client/link.h"
#include "wire/secret.h"

static const char *or_default(const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

static void profile_add(struct text *profile, const char *name, const char *value)
{
    text_addf(profile, "\"%s\":", name);
    text_add_string(profile, slice_of(value));
    text_add_literal(profile, ",");
}

static int profile_write(struct khub *link, const struct khub_options *options)
{
    struct text *profile = &link->profile;
    profile_add(profile, "specialization",
                or_default(options->specialization, LINK_SPECIALIZATION));
    profile_add(profile, "version", or_default(options->version, LINK_VERSION));
    text_add_literal(profile, "\"features_supported\":");
    text_add_list(profile, options->features);
    text_addf(profile, ",\"collaboration_ready\":%s", options->not_ready ? "false" : "true");
    if (link->level >= 2) {
        text_add_literal(profile, ",\"protocol\":2,");
        profile_add(profile, "room", or_default(options->room, LINK_ROOM));
        text_addf(profile, "\"role\":\"%s\"", options->observer ? "observer" : "member");
        if (options->sync_max == KHUB_SYNC_NONE)
            text_add_literal(profile, ",\"sync\":\"none\"");
        else if (options->sync_max > 0)
            text_addf(profile, ",\"sync\":%zu", options->sync_max);
        if (link->acks)
            text_add_literal(profile, ",\"acks\":true");
        if (options->stays_s)
            text_addf(profile, ",\"stays_s\":%u", options->stays_s);
    }
    text_add_list(&link->capabilities, options->capabilities);
    if (profile->failed || link->capabilities.failed)
        return KHUB_E_NO_MEMORY;
    if (profile->len + link->capabilities.len + HELLO_FRAME_MAX > WIRE_LINE_MAX)
        return KHUB_E_TOO_LONG;
    return 0;
}

/* Whoever says how the hub is to be known means that it should be. */
static bool is_secure(const char *address)
{
    struct address parsed;
    const char *why;
    return address_parse(or_default(address, LINK_ADDRESS), &parsed, &why) == 0 && parsed.secure;
}

static int options_check(const struct khub_options *options)
{
    if (!options->ai_id || !link_id_fits(options->ai_id) || strcmp(options->ai_id, "hub") == 0)
        return KHUB_E_ARGUMENT;
    if (options->level < 0 || options->level > 2 || options->retries < -1)
        return KHUB_E_ARGUMENT;
    if (options->level == 1 && (options->acks || options->resume || options->stays_s))
        return KHUB_E_ARGUMENT;
    if (options->stays_s > STAY_S_MAX || (options->stays_s && options->observer))
        return KHUB_E_ARGUMENT;
    if ((!options->resume &&
         (options->resume_last || options->resume_tell || options->since || options->own_cursor)) ||
        (!options->since && options->since_count) || options->since == UINT64_MAX)
        return KHUB_E_ARGUMENT;
    if (options->tls && !is_secure(options->address))
        return KHUB_E_ARGUMENT;
    if ((options->resume_token && strlen(options->resume_token) > TOKEN_MAX) ||
        (options->token && strlen(options->token) > TOKEN_MAX))
        return KHUB_E_ARGUMENT;
    return 0;
}

static int link_fill(struct khub *link, const struct khub_options *options)
{
    const char *why;
    struct address address;
    if (address_parse(or_default(options->address, LINK_ADDRESS), &address, &why) < 0 ||
        (!address.local && strspn(address.port, "0") == strlen(address.port)))
        return KHUB_E_ADDRESS; /* no port, and port 0, are for those who listen */
    /* options_check has seen to it that they fit; the NULs are calloc's. */
    memcpy(link->ai_id, options->ai_id, strlen(options->ai_id));
    const char *token = or_default(options->resume_token, "");
    memcpy(link->resume_token, token, strlen(token));
    const char *shown = or_default(options->token, "");
    memcpy(link->token, shown, strlen(shown));
    link->level = options->level ? options->level : 2;
    link->retries = options->retries;
    link->retry_first_ms = options->retry_first_ms ? options->retry_first_ms : LINK_RETRY_FIRST_MS;
    link->retry_max_ms = options->retry_max_ms ? options->retry_max_ms : LINK_RETRY_MAX_MS;
    link->heartbeat_ms = options->heartbeat_ms ? options->heartbeat_ms : LINK_HEARTBEAT_MS;
    link->queue_max = options->queue_max ? options->queue_max : LINK_QUEUE_MAX;
    link->line_max = options->line_max ? options->line_max : LINK_LINE_MAX;
    if (link->line_max > SIZE_MAX / 8) /* so that no sum with it can overflow */
        link->line_max = SIZE_MAX / 8;
    link->observer = options->observer;
    link->acks = options->acks;
    link->resume = options->resume;
    link->resume_last = options->resume_last;
    link->own_cursor = options->own_cursor;
    link->tells = !options->own_cursor && (options->resume_last || options->resume_tell);
    link->cursor = options->since;
    link->read_seq = options->since + (options->since_count > 0);
    link->read_count = options->since_count;
    link->data = options->data;
    frame_init(&link->frame, link->line_max);
    link->input = malloc(INPUT_SIZE);
    if (!link->input)
        return KHUB_E_NO_MEMORY;
    int error = transport_init(&link->transport, &address, options->tls);
    if (error < 0)
        return error;
    link->transport.private = link->token[0] && !options->token_open;
    return profile_write(link, options);
}

int khub_new(const struct khub_options *options, const struct khub_callbacks *callbacks,
             struct khub **ret_link)
{
    if (!options || !ret_link)
        return KHUB_E_ARGUMENT;
    int error = options_check(options);
    if (error < 0)
        return error;
    struct khub *link = calloc(1, sizeof *link);
    if (!link)
        return KHUB_E_NO_MEMORY;
    link->magic = LINK_MAGIC;
    TAILQ_INIT(&link->unacked);
    link->transport.fd = -1;
    link->line_limit = WIRE_LINE_MAX;
    link->state = KHUB_WAITING;
    link->due_ms = time_monotonic_ms();
    if (callbacks)
        link->callbacks = *callbacks;
    error = link_fill(link, options);
    if (error < 0) {
        khub_free(link);
        return error;
    }
    *ret_link = link;
    return 0;
}

void khub_free(struct khub *link)
{
    if (!link)
        return;
    assert(link->magic == LINK_MAGIC && !link->turning);
    transport_free(&link->transport);
    text_free(&link->profile);
    text_free(&link->capabilities);
    text_free(&link->draft);
    text_free(&link->scratch);
    outbox_free(&link->hello);
    outbox_free(&link->queue);
    unacked_free(link);
    frame_free(&link->frame);
    free(link->input);
    secret_free(link, sizeof *link);
}
