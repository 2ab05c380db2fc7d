/* What this subject's own files and its tests share; everybody else uses subject.h. */
#ifndef KHUB_POLICY_AUDIO_SIMULATOR_H
#define KHUB_POLICY_AUDIO_SIMULATOR_H

#include <stddef.h>

#include "policy/audio/rules.h"

#define AUDIO_LOST UINT32_MAX

/* A call: the network delay of each packet in us, in the order of sending; AUDIO_LOST: it never
 * arrives. */
struct audio_call {
    uint32_t packet_count, talkspurt_count;
    const uint32_t *delays_us;
    const uint32_t *starts; /* of each talkspurt its first packet; then packet_count */
};

/* A policy: how long a talkspurt is held back, in us from sending to playing. It is asked when the
 * first packet of the talkspurt is there, and told of every packet that arrives. */
struct audio_policy {
    uint32_t (*playout_delay_us)(void *context);
    void (*packet)(void *context, uint32_t delay_us); /* may be NULL */
    void *context;
};

/* The E-model's rating, 94.2 at best, for this delay from mouth to ear and this share of packets
 * not played (Cole, Rosenbluth 2001; G.711 with concealment). */
double audio_rating(uint32_t delay_us, double loss_share);

/* Id + Ie of a call under this policy (see simulator.c). */
double audio_impairment(const struct audio_call *call, const struct audio_policy *policy);
/* The least that any policy could reach on this call. NAN when out of memory. */
double audio_least_impairment(const struct audio_call *call);

#endif
