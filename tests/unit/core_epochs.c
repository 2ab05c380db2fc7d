/* Epochs: one nonce for all who commit at one time, for a bounded number of sets, given when nobody
 * can commit on it any more. */
#include "core_claims.h"

/* Says that it commits to the set of this number, which differs from others in a last bit. */
static void commit_bit(struct fixture *f, unsigned peer, const char *subject, uint64_t bits)
{
    char text[200];
    snprintf(text, sizeof text,
             "khub parameters 1\n%s\nv1\nboost=408f400000000000\nquantum=%016llx\n", subject,
             (unsigned long long)bits);
    say(f, peer, "commitment", "{'subject':'%s','subject_version':'v1','sha256':'%s'}", subject,
        digest_of(text));
}

/* Copies. */
static struct challenge challenged(struct fixture *f, unsigned peer)
{
    struct challenge challenge = {.parameters = ""};
    json_t *payload = expect(f, peer, "challenge");
    snprintf(challenge.id, sizeof challenge.id, "%s", string_of(payload, "commitment_id"));
    snprintf(challenge.nonce, sizeof challenge.nonce, "%s", string_of(payload, "nonce"));
    return challenge;
}

static void test_all_who_commit_at_one_time_get_one_nonce(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    commit_bit(f, ADA, "cpu", 1);
    commit_bit(f, BOB, "cpu", 2);
    commit_bit(f, BOB, "fs", 2);
    commit_bit(f, CEY, "cpu", 1);
    wait_ticking(f, EPOCH_OVER);
    struct challenge ada = challenged(f, ADA), bob = challenged(f, BOB), fs = challenged(f, BOB),
                     cey = challenged(f, CEY);
    assert_string_equal(ada.nonce, bob.nonce);
    assert_string_equal(ada.nonce, cey.nonce);
    assert_string_not_equal(ada.nonce, fs.nonce);
    assert_string_not_equal(ada.id, bob.id);
    assert_string_not_equal(ada.id, cey.id);
    commit_bit(f, BOB, "cpu", 3);
    wait_ticking(f, EPOCH_OVER);
    struct challenge later = challenged(f, BOB);
    assert_string_not_equal(later.nonce, ada.nonce);
    for (unsigned peer = ADA; peer <= EVE; peer++)
        expect_nothing(f, peer);
    assert_string_equal(account_of(f, "bob"), "3 0 0 0 0 0");
    assert_int_equal(nonces_of(f, "bob"), 3);
}

/* Who commits to 64 sets that differ in a last bit, to claim the luckiest. */
static void test_who_rolls_the_dice_gets_one_throw(void **state)
{
    struct fixture *f = *state;
    enum { SETS = 64 };
    char nonces[SETS / EPOCH_SETS_MAX + 1][40] = {{0}};
    unsigned epochs = 0;
    uint64_t taken = 0;
    join_five(f);
    while (taken < SETS) {
        unsigned here = 0;
        for (uint64_t bits = taken; bits < SETS; bits++) {
            commit_bit(f, ADA, "cpu", 0x3fe0000000000000 + bits);
            if (bits < taken + EPOCH_SETS_MAX)
                continue;
            json_t *error = expect_error(f, ADA, "rate_limited");
            assert_limit(error, "commitments", "epoch", EPOCH_SETS_MAX);
            assert_true(integer_of(error, "retry_after_ms") >= EPOCH_OVER);
        }
        expect_nothing(f, ADA);
        wait_ticking(f, EPOCH_OVER);
        for (; here < EPOCH_SETS_MAX; here++, taken++) {
            struct challenge challenge = challenged(f, ADA);
            if (here)
                assert_string_equal(challenge.nonce, nonces[epochs]);
            else
                snprintf(nonces[epochs], sizeof nonces[epochs], "%s", challenge.nonce);
        }
        expect_nothing(f, ADA);
        for (unsigned i = 0; i < epochs; i++)
            assert_string_not_equal(nonces[i], nonces[epochs]);
        epochs++;
    }
    /* time brings more throws, and others see how many there were */
    assert_int_equal(epochs, SETS / EPOCH_SETS_MAX);
    assert_string_equal(account_of(f, "ada"), "64 0 0 0 0 0");
    assert_int_equal(nonces_of(f, "ada"), SETS / EPOCH_SETS_MAX);
    /* a set said again is none of them */
    commit_bit(f, ADA, "cpu", 0x3fe0000000000000);
    assert_string_equal(challenged(f, ADA).nonce, nonces[0]);
    assert_int_equal(nonces_of(f, "ada"), SETS / EPOCH_SETS_MAX);
}

/* How many sets stood behind a claim stands beside it. */
static void test_a_claim_says_of_how_many_sets_it_is_one(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    commit_bit(f, ADA, "cpu", 0x3fd0000000000000);
    commit_bit(f, ADA, "cpu", 1);
    commit_bit(f, ADA, "cpu", 2);
    commit_bit(f, BOB, "cpu", 3);
    wait_ticking(f, EPOCH_OVER);
    struct challenge one = challenged(f, ADA);
    snprintf(one.parameters, sizeof one.parameters, "%s", "{'boost':1000,'quantum':0.25}");
    commit_bit(f, ADA, "cpu", 2); /* said again, and known: no other set */
    skip_all(f);
    struct challenge last = claim(f, ADA, "later", 0.75);
    measure(f, ADA, &one, 0.6);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p',%s}}", claim_of(&one, ""));
    assert_int_equal(integer_of(verification_of(f, "p"), "sets"), 3);
    assert_int_equal(integer_of(verification_of(f, "later"), "sets"), 1);
    report(f, BOB, "later", &last, 0.75);
    report(f, CEY, "later", &last, 0.75);
    json_t *told = json_object_get(expect(f, EVE, "verification"), "verification");
    assert_int_equal(integer_of(told, "sets"), 1);
    assert_int_equal(nonces_of(f, "ada"), 2);
    assert_string_equal(account_of(f, "ada"), "4 2 1 0 0 0");
}

/* "own:NAME" is a token of NAME. */
static int ask(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
               struct refusal *ret_refusal)
{
    (void)ctx;
    if (login->token.len <= 4)
        return refuse(ret_refusal, WIRE_UNAUTHORIZED, "missing");
    static char owner[16];
    snprintf(owner, sizeof owner, "%.*s", (int)login->token.len - 4, login->token.at + 4);
    *ret_pass = (struct hub_pass){.owner = slice_of(owner)};
    return 0;
}

static void test_all_ids_of_an_owner_have_so_many_sets_together(void **state)
{
    struct fixture *f = *state;
    fixture_let_in(f, ask);
    join(f, ADA, "ada", 2, "'token':'own:alice'");
    join(f, BOB, "bob", 2, "'token':'own:alice'");
    join(f, CEY, "cey", 2, "'token':'own:carol'");
    for (uint64_t bits = 0; bits < EPOCH_SETS_MAX; bits++)
        commit_bit(f, bits % 2 ? ADA : BOB, "cpu", bits);
    commit_bit(f, ADA, "cpu", 100);
    expect_error(f, ADA, "rate_limited");
    commit_bit(f, BOB, "cpu", 101);
    expect_error(f, BOB, "rate_limited");
    commit_bit(f, BOB, "cpu", 0); /* as it did before */
    commit_bit(f, BOB, "fs", 0);
    commit_bit(f, CEY, "cpu", 0);
    for (unsigned peer = ADA; peer <= CEY; peer++)
        expect_nothing(f, peer);
    wait_ticking(f, EPOCH_OVER);
    struct challenge ada = challenged(f, ADA);
    assert_string_equal(challenged(f, CEY).nonce, ada.nonce);
    struct text dump = {0};
    hub_dump(fixture_hub(f), slice_of("main"), &dump);
    json_t *state_of = json_loadb(dump.at, dump.len, JSON_ALLOW_NUL, NULL), *row;
    text_free(&dump);
    size_t i, seen = 0;
    json_array_foreach(json_object_get(state_of, "commitments"), i, row)
    {
        bool cpu = strcmp(string_of(row, "subject"), "cpu") == 0,
             alices = strcmp(string_of(row, "ai_id"), "cey") != 0;
        assert_int_equal(integer_of(row, "sets"), cpu && alices ? EPOCH_SETS_MAX : 1);
        seen++;
    }
    assert_int_equal(seen, EPOCH_SETS_MAX + 2);
    json_decref(state_of);
}

/* The end has its place in the log as all else: what comes behind it is of the next epoch. */
static void test_nobody_enters_behind_the_end(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    commit_bit(f, ADA, "cpu", 1);
    fixture_hold(f);
    wait_ticking(f, EPOCH_OVER); /* its end is on its way */
    commit_bit(f, BOB, "cpu", 2);
    commit_bit(f, ADA, "cpu", 3);
    for (unsigned peer = ADA; peer <= BOB; peer++)
        expect_nothing(f, peer);
    fixture_commit(f);
    struct challenge first = challenged(f, ADA);
    for (unsigned peer = ADA; peer <= BOB; peer++)
        expect_nothing(f, peer);
    wait_ticking(f, EPOCH_OVER);
    fixture_commit(f);
    struct challenge bob = challenged(f, BOB), second = challenged(f, ADA);
    assert_string_equal(bob.nonce, second.nonce);
    assert_string_not_equal(bob.nonce, first.nonce);
    assert_int_equal(nonces_of(f, "ada"), 2);
}

static void test_who_asks_again_is_answered_once(void **state)
{
    struct fixture *f = *state;
    char asked[64];
    join_five(f);
    commit_bit(f, ADA, "cpu", 1);
    commit_bit(f, ADA, "cpu", 1);
    snprintf(asked, sizeof asked, "%s", last_message_id(f));
    wait_ticking(f, EPOCH_OVER);
    json_t *payload = expect(f, ADA, "challenge");
    assert_string_equal(string_of(payload, "in_reply_to"), asked);
    expect_nothing(f, ADA);
    assert_string_equal(account_of(f, "ada"), "1 0 0 0 0 0");
}

static void test_who_was_away_gets_what_the_others_got(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    commit_bit(f, ADA, "cpu", 1);
    commit_bit(f, BOB, "cpu", 2);
    leave(f, ADA);
    wait_ticking(f, EPOCH_OVER);
    struct challenge bob = challenged(f, BOB);
    join(f, ADA, "ada", 2, "");
    commit_bit(f, ADA, "cpu", 1);
    assert_string_equal(challenged(f, ADA).nonce, bob.nonce);
    assert_int_equal(nonces_of(f, "ada"), 1);
}

static void test_an_epoch_is_as_long_as_it_is_set(void **state)
{
    struct hub_config config = fixture_config();
    (void)state;
    config.epoch_ms = 2500;
    struct fixture *f = fixture_new(&config);
    json_t *sync = join(f, ADA, "ada", 2, "");
    assert_number(number_of(json_object_get(sync, "limits"), "epoch_s"), 2.5);
    assert_int_equal(hub_tick(fixture_hub(f), now(f)), 1000);
    commit_bit(f, ADA, "cpu", 1);
    wait_ticking(f, 1000);
    commit_bit(f, ADA, "cpu", 2); /* which does not make it longer */
    wait_ticking(f, 1000);
    assert_int_equal(hub_tick(fixture_hub(f), now(f)), 500); /* when it ends */
    wait_ticking(f, 499);
    expect_nothing(f, ADA);
    wait_ticking(f, 1);
    assert_string_equal(challenged(f, ADA).nonce, challenged(f, ADA).nonce);
    assert_int_equal(hub_tick(fixture_hub(f), now(f)), 1000);
    fixture_free(f);
}

/* What makes room for others is in no epoch, and one that nobody is in is none. */
static void test_those_that_are_dropped_leave_their_epochs(void **state)
{
    struct fixture *f = *state;
    char why[256], subject[16];
    join_five(f);
    commit_bit(f, BOB, "cpu", 0); /* who stays in it */
    for (unsigned i = 0; i < EPOCH_SETS_MAX; i++)
        commit_bit(f, ADA, "cpu", i);
    for (unsigned i = 0; i < COMMITMENTS_EACH_MAX; i++) {
        snprintf(subject, sizeof subject, "s%u", i);
        commit_bit(f, ADA, subject, 0);
    }
    assert_int_equal(hub_recount(fixture_hub(f), why, sizeof why), 0);
    for (unsigned i = 0; i < EPOCH_SETS_MAX; i++)
        commit_bit(f, ADA, "cpu", 10 + i);
    expect_nothing(f, ADA);
    wait_ticking(f, EPOCH_OVER);
    assert_int_equal(hub_recount(fixture_hub(f), why, sizeof why), 0);
    for (unsigned i = 0; i < COMMITMENTS_EACH_MAX; i++)
        challenged(f, ADA);
    challenged(f, BOB);
    expect_nothing(f, ADA);
    assert_int_equal(nonces_of(f, "ada"), COMMITMENTS_EACH_MAX - EPOCH_SETS_MAX + 1);
}

/* A hub that knew no epochs answered each commitment at once; so does a replay of its log. */
static void test_without_epochs_each_has_a_nonce_at_once(void **state)
{
    struct hub_config config = fixture_config();
    (void)state;
    config.epoch_ms = 0;
    struct fixture *f = fixture_new(&config);
    struct challenge challenges[EPOCH_SETS_MAX + 2];
    join(f, ADA, "ada", 2, "");
    for (unsigned i = 0; i < EPOCH_SETS_MAX + 2; i++) {
        commit_bit(f, ADA, "cpu", i);
        challenges[i] = challenged(f, ADA);
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(challenges[k].nonce, challenges[i].nonce);
    }
    assert_int_equal(nonces_of(f, "ada"), EPOCH_SETS_MAX + 2);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(test_all_who_commit_at_one_time_get_one_nonce),
        LEDGER_TEST(test_who_rolls_the_dice_gets_one_throw),
        LEDGER_TEST(test_a_claim_says_of_how_many_sets_it_is_one),
        LEDGER_TEST(test_all_ids_of_an_owner_have_so_many_sets_together),
        LEDGER_TEST(test_nobody_enters_behind_the_end),
        LEDGER_TEST(test_who_asks_again_is_answered_once),
        LEDGER_TEST(test_who_was_away_gets_what_the_others_got),
        cmocka_unit_test(test_an_epoch_is_as_long_as_it_is_set),
        LEDGER_TEST(test_those_that_are_dropped_leave_their_epochs),
        cmocka_unit_test(test_without_epochs_each_has_a_nonce_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
