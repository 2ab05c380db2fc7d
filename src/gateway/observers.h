/* Observers of the hub, on behalf of requests that read: a link for each room and token, made when
 * the first request needs it, shared by all, and let go when nobody has needed it for a while.
 *
 * What an observer hears live it tells its watchers, and remembers the last of it, so that one who
 * reads the past first goes on from there without a gap. */
#ifndef KHUB_GATEWAY_OBSERVERS_H
#define KHUB_GATEWAY_OBSERVERS_H

#include <sys/queue.h>
#include <uv.h>

#include "gateway/agent.h"
#include "gateway/callers.h"
#include "khub.h"
#include "wire/filter.h"
#include "wire/slice.h"

struct observers;
struct observer;

/* link: as for khub_new, ai_id what they are called after; what it points to, but for that name,
 * must outlive them, and so must callers. NULL: out of memory. */
struct observers *observers_new(uv_loop_t *loop, const struct khub_options *link,
                                struct callers *callers);
/* Each of them ends; what was asked of them is answered with that. NULL is fine. */
void observers_close(struct observers *observers);

/* Of who calls. room NULL: that of `link`. Until it is released it stays, whatever becomes of its
 * link. NULL: out of memory, or there are too many. */
struct observer *observer_hold(struct observers *observers, const char *room,
                               const struct http_request *request);
void observer_release(struct observer *observer);
/* Once more, by who holds it. */
void observer_hold_on(struct observer *observer);
/* To ask by, and to wait for its joining. */
struct agent *observer_agent(const struct observer *observer);

/* What was said in the room. */
struct heard {
    uint64_t seq;
    enum message_type type;
    struct slice sender, target;
    struct slice line; /* as its sender said it */
    TAILQ_ENTRY(heard) next;
};
bool heard_passes(const struct heard *heard, const struct message_filter *filter);

/* Somebody who follows what is said. His own; callbacks may unwatch him, and nobody else. */
struct watcher {
    void (*heard)(struct watcher *watcher, const struct heard *heard);
    /* What was not heard up to this seq the hub does not have (any more): something may be missing.
     * Lower than what was heard: it began anew, and its seqs with it. */
    void (*torn)(struct watcher *watcher, uint64_t upto);
    void (*ended)(struct watcher *watcher); /* agent_why says why */
    TAILQ_ENTRY(watcher) next;
};
void observer_watch(struct observer *observer, struct watcher *watcher);
void observer_unwatch(struct observer *observer, struct watcher *watcher);
/* All that was heard above this seq is remembered, while somebody watches. */
uint64_t observer_complete_from(const struct observer *observer);
/* The open leases of the room, {key: {key, holder, fence, intent, ttl_s, since}}, once it has
 * joined. Borrowed. */
const json_t *observer_leases(const struct observer *observer);
/* The highest seq that it heard of. */
uint64_t observer_newest(const struct observer *observer);
/* The first that is remembered; NULL: nothing is. */
const struct heard *observer_first(const struct observer *observer);

/* log_query, of which an observer has one under way at a time: it is said when its turn comes.
 * As agent_ask_text otherwise. */
void observer_ask_log(struct observer *observer, const char *payload, agent_callback *callback,
                      void *data);

/* How many there are. */
size_t observers_count(const struct observers *observers);

#endif
