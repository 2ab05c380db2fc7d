/* See siphash.h, and Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012). */
#include "net/siphash.h"

#include <endian.h>
#include <string.h>

struct state {
    uint64_t v[4];
};

static inline uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline uint64_t word_at(const void *at)
{
    uint64_t little;
    memcpy(&little, at, sizeof little);
    return le64toh(little);
}

static inline void rounds(struct state *state, unsigned count)
{
    uint64_t *v = state->v;
    for (unsigned i = 0; i < count; i++) {
        v[0] += v[1], v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0], v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1], v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2], v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

static inline void take(struct state *state, uint64_t word)
{
    state->v[3] ^= word;
    rounds(state, 2);
    state->v[0] ^= word;
}

/* Half of the hash. */
static inline void give(struct state *state, uint8_t ret_half[8])
{
    rounds(state, 4);
    uint64_t half = htole64(state->v[0] ^ state->v[1] ^ state->v[2] ^ state->v[3]);
    memcpy(ret_half, &half, sizeof half);
}

void siphash(const uint8_t key[16], struct slice input, uint8_t ret_hash[16])
{
    const uint64_t key_words[2] = {word_at(key), word_at(key + 8)};
    struct state state = {{key_words[0] ^ UINT64_C(0x736f6d6570736575),
                           key_words[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
                           key_words[0] ^ UINT64_C(0x6c7967656e657261),
                           key_words[1] ^ UINT64_C(0x7465646279746573)}};
    uint8_t rest[8] = {0};
    size_t whole = input.len & ~(size_t)7;
    for (size_t at = 0; at < whole; at += 8)
        take(&state, word_at(input.at + at));
    if (input.len > whole)
        memcpy(rest, input.at + whole, input.len - whole);
    rest[7] = (uint8_t)input.len; /* its lowest byte */
    take(&state, word_at(rest));
    state.v[2] ^= 0xee;
    give(&state, ret_hash);
    state.v[1] ^= 0xdd;
    give(&state, ret_hash + 8);
}
