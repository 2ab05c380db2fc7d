/* The ledger: claims and what contradicts them; what a newcomer is told of it, and its replay. */
#include "core_claims.h"

#include "core/room.h"
#include "wire/text.h"

/* ── claims ── */

static void test_a_claim_is_stored_with_its_verification(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = measured(f, ADA, 0.67);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p',%s}}", claim_of(&challenge, ""));
    expect_relayed(f, BOB);
    expect_relayed(f, DAN);
    expect_nothing(f, ADA);
    json_t *entry = json_object_get(knowledge(f, "shared_patterns"), "p");
    assert_string_equal(names_of(entry), "contributor,pattern,timestamp,usage_count,verification");
    json_t *verification = json_object_get(entry, "verification");
    assert_string_equal(names_of(verification),
                        "commitment_id,kind,n,nonce,owner,refuted_parents,sealed,sets,status,"
                        "verifiers");
    assert_string_equal(string_of(verification, "kind"), "parameters");
    assert_string_equal(string_of(verification, "status"), "claimed");
    assert_string_equal(string_of(verification, "owner"), "ada");
    assert_true(json_is_true(json_object_get(verification, "sealed")));
    assert_string_equal(string_of(verification, "commitment_id"), challenge.id);
    assert_string_equal(string_of(verification, "nonce"), challenge.nonce);
    assert_int_equal(integer_of(verification, "n"), 64);
    assert_int_equal(json_array_size(json_object_get(verification, "verifiers")), 0);
    assert_string_equal(joined_of(verification, "refuted_parents"), "");
    assert_string_equal(account_of(f, "ada"), "1 1 0 0 0 0");
}

static void test_a_component_may_be_a_claim(void **state)
{
    struct fixture *f = *state;
    static const char key[] = "ada_sched_1795334400";
    join_five(f);
    struct challenge challenge = measured(f, ADA, 0.5);
    say(f, ADA, "os_component_share", "{'component':{'name':'sched','id':'own-7',%s}}",
        claim_of(&challenge, ""));
    expect_relayed(f, BOB);
    report(f, BOB, "own-7", &challenge, 0.5); /* by its own id */
    report(f, CEY, key, &challenge, 0.5);     /* by the hub's */
    json_t *told = expect(f, ADA, "verification");
    assert_string_equal(string_of(told, "id"), key);
    assert_string_equal(string_of(told, "section"), "collective_features");
    assert_string_equal(string_of(verification_in(f, "collective_features", key), "status"),
                        "confirmed");
}

/* One report names a pattern and a component that were claimed with one commitment. */
static void test_a_report_may_settle_two_claims(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    say(f, ADA, "os_component_share", "{'component':{'name':'sched','id':'p',%s}}",
        claim_of(&challenge, ""));
    report(f, BOB, "p", &challenge, 0.5);
    report(f, CEY, "p", &challenge, 0.5);
    assert_string_equal(string_of(expect(f, ADA, "verification"), "section"), "shared_patterns");
    assert_string_equal(string_of(expect(f, ADA, "verification"), "section"),
                        "collective_features");
    assert_string_equal(account_of(f, "ada"), "1 2 2 0 0 0");
}

static void test_without_a_commitment_all_is_as_ever(void **state)
{
    static const char *const bodies[] = {"{'id':'p','ratio_heldout':'best','seeds':-3,'nonce':7}",
                                         "{'id':'p','commitment_id':null}",
                                         "{'id':'p','commitment_id':''}"};
    struct fixture *f = *state;
    join_five(f);
    for (unsigned i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        say(f, DAN, "pattern_share", "{'pattern':%s}", bodies[i]);
        expect_relayed(f, BOB);
        say(f, BOB, "performance_report",
            "{'component_id':'p','performance':{'ratio':1,'n':64,'nonce':'x'}}");
        json_t *entry = json_object_get(knowledge(f, "shared_patterns"), "p");
        assert_string_equal(names_of(entry), "contributor,pattern,timestamp,usage_count");
        skip_all(f);
    }
    assert_string_equal(account_of(f, "dan"), "");
    /* code is never a claim */
    say(f, DAN, "code_share", "{'code':{'id':'c','commitment_id':5}}");
    expect_relayed(f, BOB);
}

static void test_a_claim_has_its_form(void **state)
{
    static const struct {
        const char *name, *value, *says;
    } wrong[] = {
        {"commitment_id", "7", "commitment_id must be a string"},
        {"commitment_id", "'0123456789012345678901234567890123456789'", "longer than"},
        {"subject", "null", "subject must be a non-empty string, and is null"},
        {"subject_version", "{}", "subject_version must be a non-empty string"},
        {"nonce", "null", "nonce must be a non-empty string"},
        {"nonce", "12", "nonce must be a non-empty string, and is a number"},
        {"parameters", "null", "parameters must be an object"},
        {"parameters", "{'a':'1'}", "parameters.a must be a finite number"},
        {"parameters", "{'a':1,'a':2}", "parameters.a stands twice"},
        {"ratio_heldout", "0.5", "ratio_heldout would tell"},
        {"ratio_heldout", "null", "ratio_heldout would tell"},
        {"seeds", "63", "seeds must be 64"},
        {"seeds", "65", "seeds must be 64"},
        {"seeds", "64.5", "seeds must be 64"},
        {"seeds", "null", "seeds must be 64"},
    };
    static const char *const types[] = {"pattern_share", "os_component_share"};
    static const char *const names[] = {"pattern", "component"};
    struct fixture *f = *state;
    char more[200], path[64];
    join_five(f);
    struct challenge challenge = measured(f, ADA, 0.5);
    for (unsigned i = 0; i < 2 * sizeof wrong / sizeof *wrong; i++) {
        unsigned kind = i % 2, k = i / 2;
        snprintf(more, sizeof more, ",'%s':%s", wrong[k].name, wrong[k].value);
        say_raw(f, ADA,
                "{'message_id':'m%u','sender_id':'ada','message_type':'%s','timestamp':'t',"
                "'payload':{'%s':{'name':'n',%s}}}",
                i, types[kind], names[kind], claim_of(&challenge, more));
        const char *detail = string_of(expect_error(f, ADA, "bad_payload"), "detail");
        snprintf(path, sizeof path, "payload.%s.%s", names[kind], wrong[k].name);
        if (!strstr(detail, wrong[k].says) || !strstr(detail, path))
            fail_msg("'%s' does not say '%s' of %s", detail, wrong[k].says, path);
        expect_nothing(f, BOB);
    }
    assert_string_equal(account_of(f, "ada"), "1 0 0 0 0 0");
    say(f, ADA, "pattern_share", "{'pattern':{%s}}",
        claim_spelt(&challenge, PARAMETERS, CLAIM_SEEDS, ""));
    expect_nothing(f, ADA);
    assert_string_equal(account_of(f, "ada"), "1 1 0 0 0 0");
}

static void test_a_claim_that_was_not_committed_to(void **state)
{
    static const struct {
        const char *name, *value, *says;
    } lies[] = {
        {"subject", "'fs'", "payload.pattern.subject is \"fs\""},
        {"subject_version", "'v2'", "payload.pattern.subject_version is \"v2\""},
        {"nonce", "'00000000000000000000000000000000'", "payload.pattern.nonce is \"0000"},
        {"nonce", "'x'", "payload.pattern.nonce is \"x\""},
        {"parameters", "{'boost':1000,'quantum':0.5000000000000001}",
         "parameters have the SHA-256"},
        {"parameters", "{'boost':1000}", "parameters have the SHA-256"},
        {"parameters", "{}", "parameters have the SHA-256"},
        {"parameters", "{'boost':1000,'quantum':0.5,'x':0}", "parameters have the SHA-256"},
    };
    struct fixture *f = *state;
    char more[200], wanted[64];
    join_five(f);
    struct challenge challenge = measured(f, ADA, 0.5);
    uint64_t refused = hub_count(fixture_hub(f)).refused;
    for (unsigned i = 0; i < sizeof lies / sizeof *lies; i++) {
        snprintf(more, sizeof more, ",'%s':%s", lies[i].name, lies[i].value);
        say(f, ADA, "pattern_share", "{'pattern':{'id':'p',%s}}", claim_of(&challenge, more));
        const char *detail = string_of(expect_error(f, ADA, "bad_claim"), "detail");
        if (!strstr(detail, lies[i].says) || !strstr(detail, challenge.id))
            fail_msg("'%s' does not say '%s'", detail, lies[i].says);
        for (unsigned peer = ADA; peer <= EVE; peer++)
            expect_nothing(f, peer);
        snprintf(wanted, sizeof wanted, "1 0 0 0 0 %u", i + 1);
        assert_string_equal(account_of(f, "ada"), wanted);
        assert_int_equal(hub_count(fixture_hub(f)).refused, refused + i + 1);
    }
    assert_int_equal(json_object_size(knowledge(f, "shared_patterns")), 0);
    assert_number(score_of(f, "ada"), 0);
}

static void test_another_ais_commitment_is_no_use(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    skip_all(f);
    say(f, BOB, "pattern_share", "{'pattern':{'id':'q',%s}}", claim_of(&challenge, ""));
    assert_non_null(
        strstr(string_of(expect_error(f, BOB, "bad_claim"), "detail"), "is another AI's"));
    expect_nothing(f, ADA);
    assert_string_equal(account_of(f, "bob"), "0 0 0 0 0 1");
    assert_string_equal(account_of(f, "ada"), "1 1 0 0 0 0");
}

/* A hub that was started anew knows no commitments, and accuses nobody of it. */
static void test_an_unknown_commitment_counts_for_nothing(void **state)
{
    struct fixture *f = *state;
    struct challenge challenge = {"no-such-commitment", "00000000000000000000000000000000",
                                  PARAMETERS};
    join_five(f);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'q',%s}}", claim_of(&challenge, ""));
    assert_non_null(strstr(string_of(expect_error(f, ADA, "bad_claim"), "detail"), "commit anew"));
    expect_nothing(f, BOB);
    assert_string_equal(account_of(f, "ada"), "");
    open_peer(f, FAY);
    say_raw(f, FAY,
            "{'message_id':'m','sender_id':'fay','message_type':'pattern_share','timestamp':'t',"
            "'payload':{'pattern':{%s}}}",
            claim_of(&challenge, ""));
    expect_error(f, FAY, "bad_claim");
    assert_null(member_of(f, "fay"));
}

/* The refusal costs the session nothing: what was not accepted completes none, and takes none
 * up. */
static void test_a_false_claim_moves_no_session(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = claim(f, ADA, "p", 0.5);
    say(f, BOB, "collaboration_request", "{'type':'t','description':'d','target_ai':'ada'}");
    char session[64];
    snprintf(session, sizeof session, "%s",
             string_of(expect(f, BOB, "collaboration_update"), "session_id"));
    say(f, ADA, "collaboration_response", "{'session_id':'%s','accepted':true}", session);
    say(f, ADA, "os_component_share",
        "{'component':{'name':'n',%s},'collaboration_complete':true,'session_id':'%s'}",
        claim_of(&challenge, ",'subject':'fs'"), session);
    expect(f, ADA, "error");
    assert_string_equal(string_of(session_of(f, session), "status"), "active");
    skip_all(f);
    say(f, BOB, "collaboration_request", "{'type':'t','description':'d','target_ai':'dan'}");
    snprintf(session, sizeof session, "%s",
             string_of(expect(f, BOB, "collaboration_update"), "session_id"));
    say(f, DAN, "pattern_share", "{'pattern':{%s},'session_id':'%s'}", claim_of(&challenge, ""),
        session);
    expect(f, DAN, "error");
    assert_string_equal(string_of(session_of(f, session), "status"), "pending");
    assert_string_equal(account_of(f, "dan"), "0 0 0 0 0 1");
}

static void test_parameters_are_compared_as_numbers(void **state)
{
    static const char *const spellings[] = {"{'quantum':0.5,'boost':1000}",
                                            "{'quantum':5e-1,'boost':1E3}",
                                            "{'\\u0071uantum':0.50,'boost':1000.0}"};
    struct fixture *f = *state;
    join_five(f);
    struct challenge challenge = measured(f, ADA, 0.5);
    for (unsigned i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        say(f, ADA, "pattern_share", "{'pattern':{%s}}",
            claim_spelt(&challenge, spellings[i], 64, ""));
        expect_nothing(f, ADA);
    }
    assert_string_equal(account_of(f, "ada"), "1 3 0 0 0 0");
}

/* ── what a newcomer is told ── */

static void test_the_ledger_is_level_2s(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    commit(f, ADA);
    commit(f, BOB);
    leave(f, ADA);
    json_t *sync = join(f, FAY, "fay", 2, "");
    assert_string_equal(names_of(json_object_get(sync, "ledger")), "ada,bob"); /* ada is gone */
    assert_true(strstr(read_line(f), "\"ledger\":{\"bob\"") != NULL);          /* newest first */
    assert_null(json_object_get(newcomer_sync(f), "ledger"));
    join(f, ADA, "ada", 2, "");
    claim(f, ADA, "p", 0.5);
    leave(f, FAY);
    join(f, FAY, "fay", 2, "");
    assert_true(strstr(read_line(f), "\"ledger\":{\"ada\"") != NULL);
    /* rooms share nothing */
    sync = join(f, GUS, "gus", 2, "'room':'lab'");
    assert_int_equal(json_object_size(json_object_get(sync, "ledger")), 0);
}

static void test_a_sync_shows_so_many_accounts(void **state)
{
    struct fixture *f = *state;
    char id[16];
    for (unsigned i = 0; i < ACCOUNTS_SHOWN_MAX + 3; i++) {
        snprintf(id, sizeof id, "a%u", i);
        open_peer(f, i + 1);
        say_hello(f, i + 1, id, "{'protocol':2}");
        commit(f, i + 1);
    }
    json_t *ledger = json_object_get(join(f, ACCOUNTS_SHOWN_MAX + 9, "last", 2, ""), "ledger");
    assert_int_equal(json_object_size(ledger), ACCOUNTS_SHOWN_MAX);
    assert_null(json_object_get(ledger, "a2"));
    assert_non_null(json_object_get(ledger, "a3"));
}

/* ── replay ── */

static void mute_effect(void *ctx, const struct effect *effect)
{
    (void)ctx, (void)effect;
}

static void mute_joined(void *ctx, peer_id peer)
{
    (void)ctx, (void)peer;
}

static void mute_close(void *ctx, peer_id peer, enum close_reason reason)
{
    (void)ctx, (void)peer, (void)reason;
}

/* The entries of all that happened, applied to another hub: the same ledger, the refused claims
 * counted. */
static void test_replay_gives_the_same_ledger(void **state)
{
    struct fixture *f = *state;
    struct text running = {0}, replayed = {0};
    join_five(f);
    struct challenge root = claim(f, ADA, "root", 0.4), good;
    say(f, ADA, "pattern_share", "{'pattern':{'id':'lie',%s}}", claim_of(&root, ",'nonce':'x'"));
    say_raw(f, ADA,
            "{'message_id':'m','sender_id':'ada','message_type':'pattern_share','timestamp':'t',"
            "'payload':{'pattern':{%s}}}",
            claim_of(&root, ",'parameters':{}"));
    say(f, BOB, "os_component_share", "{'component':{'name':'n',%s}}", claim_of(&root, ""));
    derive_claim(f, BOB, "child", "['root']");
    good = claim(f, CEY, "good", 0.6);
    report(f, BOB, "root", &root, 0.7);
    report(f, CEY, "root", &root, 0.7);
    report(f, BOB, "good", &good, 0.6);
    report(f, ADA, "good", &good, 0.6);
    commit_to(f, BOB, "fs", "v9", digest_of("x"));
    leave(f, ADA);
    hub_dump(fixture_hub(f), slice_of("main"), &running);
    assert_non_null(strstr(running.at, "\"mismatched\":2"));
    assert_non_null(strstr(running.at, "\"status\":\"refuted\""));

    struct hub_edge edge = fixture_edge(f);
    struct hub_config config = fixture_config();
    edge.effect = mute_effect;
    edge.joined = mute_joined;
    edge.close = mute_close;
    struct hub *second = hub_new(&config, &edge);
    fixture_replay(f, second);
    hub_dump(second, slice_of("main"), &replayed);
    assert_true(slice_equal(text_slice(&running), text_slice(&replayed)));
    char why[256];
    assert_int_equal(hub_recount(second, why, sizeof why), 0);
    hub_free(second);
    text_free(&running);
    text_free(&replayed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(test_a_claim_is_stored_with_its_verification),
        LEDGER_TEST(test_a_component_may_be_a_claim),
        LEDGER_TEST(test_a_report_may_settle_two_claims),
        LEDGER_TEST(test_without_a_commitment_all_is_as_ever),
        LEDGER_TEST(test_a_claim_has_its_form),
        LEDGER_TEST(test_a_claim_that_was_not_committed_to),
        LEDGER_TEST(test_another_ais_commitment_is_no_use),
        LEDGER_TEST(test_an_unknown_commitment_counts_for_nothing),
        LEDGER_TEST(test_a_false_claim_moves_no_session),
        LEDGER_TEST(test_parameters_are_compared_as_numbers),
        LEDGER_TEST(test_the_ledger_is_level_2s),
        LEDGER_TEST(test_a_sync_shows_so_many_accounts),
        LEDGER_TEST(test_replay_gives_the_same_ledger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
