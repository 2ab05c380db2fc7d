/* What a member was given, and said to have read: the few numbers that are kept of it, beside a
 * model that knows of each message whether it was put on a connection, and which. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/members.h"

enum { SEQS = 400, RUNS = 4000 };

/* One AI. Of each seq: was there a message, on which of its connections was it put last (0: none),
 * and did it say that it read it while it had it. */
struct model {
    struct member member;
    uint64_t seq, cursor;
    unsigned connection; /* the number of the one that it has; 0: none */
    unsigned connections;
    unsigned on[SEQS];
    bool read[SEQS], known[SEQS];
};

static unsigned below(uint64_t *state, unsigned count)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33) % count;
}

static void model_say(struct model *model)
{
    uint64_t seq = ++model->seq;
    model->known[seq] = true;
    model->on[seq] = model->connection;
}

static void model_says(struct model *model, uint64_t upto)
{
    for (uint64_t seq = 1; seq <= upto; seq++)
        model->read[seq] = model->read[seq] || model->on[seq] > 0;
}

static void model_reads(struct model *model, uint64_t upto)
{
    if (upto <= model->member.cursor)
        return;
    model_says(model, upto);
    model->member.cursor = upto;
    reach_read(&model->member);
}

static void model_leave(struct model *model)
{
    model->connection = 0;
    model->member.peer = 0;
    reach_end(&model->member, ++model->seq);
}

static void model_join(struct model *model, bool resumes, uint64_t since)
{
    uint64_t seq = ++model->seq;
    model->connection = ++model->connections;
    model->member.peer = model->connection;
    if (!model->member.cursor)
        model->member.cursor = seq;
    if (!resumes) {
        reach_begin(&model->member, seq);
        return;
    }
    reach_resume(&model->member, since);
    for (uint64_t at = since + 1; at < seq; at++)
        if (model->known[at])
            model->on[at] = model->connection;
    model_says(model, since);
    model_reads(model, since);
}

/* Never more is said than is so. */
static void model_check(const struct model *model)
{
    const struct member *member = &model->member;
    assert_true(reach_fits(&member->reach, model->seq));
    for (uint64_t seq = 1; seq <= model->seq; seq++) {
        if (!model->known[seq])
            continue;
        bool now = model->connection && model->on[seq] == model->connection;
        switch (reach_find(member, member->cursor, seq)) {
        case REACHED_READ:
            assert_true(model->read[seq]);
            break;
        case REACHED_NOW:
            assert_true(now && (!model->read[seq] || seq <= member->cursor)); /* it said so twice */
            break;
        case REACHED_ONCE:
        case REACHED_LATER:
        case REACHED_NOT: /* it may be more than that */
            break;
        }
    }
}

/* When it always asks for what it missed, all is told as it is. */
static void model_check_exactly(const struct model *model)
{
    for (uint64_t seq = model->member.reach.first + 1; seq <= model->seq; seq++) {
        enum reached reached = reach_find(&model->member, model->member.cursor, seq);
        if (model->known[seq] && model->read[seq])
            assert_int_equal(reached, REACHED_READ);
        else if (model->known[seq] && !model->connection)
            assert_int_equal(reached, model->on[seq] ? REACHED_ONCE : REACHED_LATER);
    }
}

static void run(uint64_t seed, unsigned unasked)
{
    struct model model = {.seq = 0};
    uint64_t chance = seed * 2 + 1;
    model_say(&model);
    while (model.seq < SEQS - 2) {
        unsigned what = below(&chance, 8);
        if (what < 4) {
            model_say(&model);
        } else if (what == 4 && model.connection) {
            model_leave(&model);
        } else if (what < 6) {
            if (model.connection) /* taken over */
                reach_end(&model.member, model.seq + 1);
            bool resumes = below(&chance, 8) >= unasked;
            uint64_t since = model.member.cursor, last = model.member.reach.left;
            if (below(&chance, 2))
                since = below(&chance, (unsigned)(unasked && last > since ? last : since) + 1);
            model_join(&model, resumes, since);
        } else if (model.connection) {
            uint64_t span = model.seq - model.member.cursor;
            model_reads(&model, model.member.cursor + below(&chance, (unsigned)span + 1));
        }
        model_check(&model);
        if (unasked == 0 && model.connections)
            model_check_exactly(&model);
    }
}

static void never_too_much_is_said(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < RUNS; seed++)
        run(seed, (unsigned)(seed % 9));
}

static struct member member_at(uint64_t seq)
{
    struct member member = {.cursor = seq, .peer = 1};
    reach_begin(&member, seq);
    return member;
}

static void leaves(struct member *member, uint64_t seq)
{
    member->peer = 0;
    reach_end(member, seq);
}

static void joins(struct member *member, uint64_t seq)
{
    member->peer = 2;
    reach_begin(member, seq);
}

static void reads(struct member *member, uint64_t seq)
{
    member->cursor = seq;
    reach_read(member);
}

static void asks(struct member *member, uint64_t since)
{
    member->peer = 3;
    reach_resume(member, since);
    if (since > member->cursor)
        reads(member, since);
}

static void assert_reached(const struct member *member, const char *wanted)
{
    static const char letters[] = "-LONR"; /* of seqs 5, 15, 25… */
    char found[16] = "";
    for (size_t i = 0; wanted[i]; i++)
        found[i] = letters[reach_find(member, member->cursor, 10 * i + 5)];
    assert_string_equal(found, wanted);
}

/* A shell's turns: what it reads, it asks for; in between it says something. */
static void a_turn_that_asks_for_nothing_leaves_all_as_it_was(void **state)
{
    (void)state;
    struct member member = member_at(10);
    assert_reached(&member, "-NNN");
    leaves(&member, 20);
    assert_reached(&member, "-OLL");
    joins(&member, 30);
    assert_reached(&member, "-OLN");
    reads(&member, 18); /* which it had been given before */
    assert_reached(&member, "-RLN");
    leaves(&member, 40);
    joins(&member, 50);
    leaves(&member, 60);
    assert_reached(&member, "-RLLLO"); /* less than it was given, but it will be given it */
    asks(&member, 18);
    assert_reached(&member, "-RNNNN");
    reads(&member, 57);
    assert_reached(&member, "-RRRRRN");
}

/* Of two gaps the earlier is forgotten, when it read on behind it. */
static void one_gap_is_known(void **state)
{
    (void)state;
    struct member member = member_at(10);
    leaves(&member, 20);
    joins(&member, 30);
    reads(&member, 38);
    assert_reached(&member, "-RLR"); /* what it missed it has not read, whatever its cursor says */
    leaves(&member, 40);
    joins(&member, 50);
    reads(&member, 60);
    assert_reached(&member, "---RLR");
    asks(&member, 45); /* what it says of itself: it has all up to there */
    assert_reached(&member, "---RLR");
    asks(&member, 38); /* now it comes; and that it has read it, its cursor can't tell */
    assert_reached(&member, "---RNR");
    leaves(&member, 70);
    assert_reached(&member, "---ROR");
    asks(&member, 60);
    assert_reached(&member, "---RRR");
}

/* Whoever comes for the first time and asks for what was said before has it on its connection; but
 * its cursor begins at its joining, and tells nothing of that. */
static void what_was_before_its_time_is_not_known(void **state)
{
    (void)state;
    struct member member = {.cursor = 30, .peer = 1};
    reach_resume(&member, 5);
    assert_reached(&member, "---NN");
}

/* It has some of what it missed from elsewhere, and asks for the rest. */
static void a_gap_may_end_early(void **state)
{
    (void)state;
    struct member member = member_at(10);
    leaves(&member, 20);
    joins(&member, 40);
    asks(&member, 27);
    assert_reached(&member, "-RLNN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_too_much_is_said),
        cmocka_unit_test(a_turn_that_asks_for_nothing_leaves_all_as_it_was),
        cmocka_unit_test(one_gap_is_known),
        cmocka_unit_test(what_was_before_its_time_is_not_known),
        cmocka_unit_test(a_gap_may_end_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
