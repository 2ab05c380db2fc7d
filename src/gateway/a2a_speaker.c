/* Who speaks for a caller: an AI of the hub's, one for each token and name, that offers sessions
 * and says in them what the caller's agent says. It joins when it is needed, and goes when that was
 * not for long; by its name it is the same when it comes back, also by a gateway that was
 * restarted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/a2a_inside.h"

struct a2a_speaker {
    struct guest guest; /* first; nobody is told its handle */
    struct a2a_door *door;
    struct agent *agent;
    char name[WIRE_ID_MAX + 1];
    char *token; /* that it shows; owned, a secret; NULL: none */
    TAILQ_ENTRY(a2a_speaker) next;
};

static void speaker_end(struct a2a_speaker *speaker)
{
    TAILQ_REMOVE(&speaker->door->speakers, speaker, next);
    guests_remove(speaker->door->options.guests, &speaker->guest);
    agent_close(speaker->agent, false); /* what was asked is answered with that */
    callers_token_free(speaker->token);
    free(speaker);
}

static void on_idle(struct guest *guest)
{
    speaker_end((struct a2a_speaker *)guest);
}

/* The hub will not have it any more; what was asked is answered with that. */
static void on_ended(struct agent *agent, void *data)
{
    (void)agent;
    speaker_end(data);
}

static void on_unauthorized(struct agent *agent, void *data)
{
    const struct a2a_speaker *speaker = data;
    (void)agent;
    callers_refused(speaker->door->options.callers, &speaker->guest.who);
}

/* What is said to it is read in its tasks, where it stays. */
static void on_received(struct agent *agent, const struct mail *message, void *data)
{
    (void)data;
    agent_ack(agent, message->seq);
}

/* The name that the caller wants, or one of its token's. False, and it was refused. */
static bool name_read(struct a2a_call *call, char name[WIRE_ID_MAX + 1])
{
    struct slice wanted = http_request_header(call->request, A2A_NAME);
    char own[CALLER_NAME_SIZE];
    if (wanted.len > WIRE_ID_MAX) {
        a2a_refuse(call, A2A_INVALID_PARAMS, A2A_NAME " is longer than an id may be, %u bytes",
                   WIRE_ID_MAX);
        return false;
    }
    callers_name(call->request, own);
    if (wanted.len)
        snprintf(name, WIRE_ID_MAX + 1, "%.*s", SLICE_FORMAT(wanted));
    else
        snprintf(name, WIRE_ID_MAX + 1, "a2a%s%s", own[0] ? "-" : "", own);
    return true;
}

static struct a2a_speaker *speaker_find(const struct a2a_door *door, const struct caller *who,
                                        const char *name)
{
    struct a2a_speaker *speaker;
    TAILQ_FOREACH (speaker, &door->speakers, next) {
        if (caller_same(&speaker->guest.who, who) && strcmp(speaker->name, name) == 0 &&
            !agent_ended(speaker->agent))
            return speaker;
    }
    return NULL;
}

/* NULL: out of memory, or there are too many. */
static struct a2a_speaker *speaker_new(const struct a2a_call *call, const struct caller *who,
                                       const char *name)
{
    static const struct agent_callbacks callbacks = {
        .received = on_received, .ended = on_ended, .unauthorized = on_unauthorized};
    struct a2a_door *door = call->door;
    struct khub_options link = door->options.link;
    struct a2a_speaker *speaker = calloc(1, sizeof *speaker);
    if (!speaker)
        return NULL;
    speaker->door = door;
    snprintf(speaker->name, sizeof speaker->name, "%s", name);
    link.ai_id = speaker->name;
    link.specialization = "a2a-client";
    link.not_ready = true; /* it takes no tasks itself */
    bool added = callers_link(door->options.callers, call->request, &link, &speaker->token) &&
                 guests_add(door->options.guests, &speaker->guest, GUEST_A2A, who, on_idle);
    if (added &&
        agent_new(door->options.loop, &link, NULL, &callbacks, speaker, &speaker->agent) == 0) {
        TAILQ_INSERT_TAIL(&door->speakers, speaker, next);
        return speaker;
    }
    if (added)
        guests_remove(door->options.guests, &speaker->guest);
    callers_token_free(speaker->token);
    free(speaker);
    return NULL;
}

static void on_joined(const struct agent_answer *joined, void *data)
{
    struct a2a_call *call = data;
    if (!joined->good)
        a2a_spoken(call);
    if (!a2a_lost(call, joined))
        call->then(call);
}

void a2a_speak(struct a2a_call *call, void (*then)(struct a2a_call *call))
{
    struct caller who = callers_who(call->door->options.callers, call->request);
    char name[WIRE_ID_MAX + 1];
    if (!name_read(call, name))
        return;
    struct a2a_speaker *speaker = speaker_find(call->door, &who, name);
    if (!speaker)
        speaker = speaker_new(call, &who, name);
    if (!speaker) {
        a2a_refuse(call, A2A_UNAVAILABLE, "too many AIs are here: try again later");
        return;
    }
    call->speaker = speaker;
    call->then = then;
    guest_busy(&speaker->guest);
    agent_join(speaker->agent, on_joined, call);
}

void a2a_spoken(struct a2a_call *call)
{
    if (call->speaker)
        guest_done(&call->speaker->guest);
    call->speaker = NULL;
}

struct agent *a2a_agent(const struct a2a_call *call)
{
    return call->speaker->agent;
}

void a2a_speakers_end(struct a2a_door *door)
{
    while (!TAILQ_EMPTY(&door->speakers))
        speaker_end(TAILQ_FIRST(&door->speakers));
}
