/* Commitments: the challenges that answer them, their form, and how many the ledger keeps. */
#include "core_claims.h"

static void test_a_commitment_is_answered_with_a_challenge(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    say(f, ADA, "commitment", "{'subject':'cpu','subject_version':'v1','sha256':'%s'}",
        digest_of(canonical));
    for (unsigned peer = ADA; peer <= EVE; peer++)
        expect_nothing(f, peer); /* not while others may commit on the same nonce */
    wait_ticking(f, EPOCH_OVER);
    json_t *whole = expect_whole(f, ADA, "challenge");
    json_t *payload = json_object_get(whole, "payload");
    assert_string_equal(string_of(whole, "sender_id"), "hub");
    assert_string_equal(string_of(whole, "target_ai"), "ada");
    assert_string_equal(names_of(payload),
                        "commitment_id,in_reply_to,nonce,sha256,subject,subject_version");
    assert_string_equal(string_of(payload, "in_reply_to"), last_message_id(f));
    assert_string_equal(string_of(payload, "subject"), "cpu");
    assert_string_equal(string_of(payload, "subject_version"), "v1");
    assert_string_equal(string_of(payload, "sha256"), digest_of(canonical));
    const char *id = string_of(payload, "commitment_id"), *nonce = string_of(payload, "nonce");
    assert_int_equal(strlen(id), 36);
    assert_int_equal(id[14], '4');
    assert_int_equal(strlen(nonce), 32);
    assert_int_equal(strspn(nonce, "0123456789abcdef"), 32);
    /* the nonce stands nowhere else in the line, and nobody else got one */
    assert_null(strstr(string_of(whole, "message_id"), nonce));
    for (unsigned peer = ADA; peer <= EVE; peer++)
        expect_nothing(f, peer);
    assert_string_equal(account_of(f, "ada"), "1 0 0 0 0 0");
}

static void test_nobody_rolls_the_dice_twice(void **state)
{
    struct fixture *f = *state;
    char other[65];
    join_five(f);
    struct challenge first = commit(f, ADA), second = commit(f, ADA);
    assert_string_equal(first.id, second.id);
    assert_string_equal(first.nonce, second.nonce);
    assert_string_equal(account_of(f, "ada"), "1 0 0 0 0 0");
    leave(f, ADA);
    join(f, ADA, "ada", 2, "");
    second = commit(f, ADA);
    assert_string_equal(first.nonce, second.nonce);
    /* once it is claimed it is the same still */
    measure(f, ADA, &first, 0.5);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p',%s}}", claim_of(&first, ""));
    second = commit(f, ADA);
    assert_string_equal(first.nonce, second.nonce);
    assert_string_equal(account_of(f, "ada"), "1 1 0 0 0 0");
    /* anything else is another one */
    snprintf(other, sizeof other, "%s", digest_of("other"));
    struct challenge others[] = {commit_to(f, ADA, "fs", "v1", digest_of(canonical)),
                                 commit_to(f, ADA, "cpu", "v2", digest_of(canonical)),
                                 commit_to(f, ADA, "cpu", "v1", other), commit(f, BOB)};
    for (unsigned i = 0; i < 4; i++) {
        assert_string_not_equal(first.id, others[i].id);
        assert_string_not_equal(first.nonce, others[i].nonce);
    }
    assert_string_equal(account_of(f, "ada"), "4 1 0 0 0 0");
    assert_string_equal(account_of(f, "bob"), "1 0 0 0 0 0");
}

static void test_a_commitment_has_its_form(void **state)
{
    struct fixture *f = *state;
    char sha256[80], text[80];
    snprintf(sha256, sizeof sha256, "%s", digest_of(canonical));
    snprintf(text, sizeof text, "%065d", 0);
    static const struct {
        const char *subject, *version, *sha256, *says;
    } wrong[] = {
        {"null", "'v'", NULL, "payload.subject must be"},
        {"''", "'v'", NULL, "payload.subject must be a non-empty string"},
        {"7", "'v'", NULL, "payload.subject must be a non-empty string, and is a number"},
        {"'a\\nb'", "'v'", NULL, "payload.subject must not hold control characters"},
        {"LONG", "'v'", NULL, "payload.subject is longer than 64 bytes"},
        {"'s'", "null", NULL, "payload.subject_version must be"},
        {"'s'", "'\\u0000'", NULL, "payload.subject_version must not hold control characters"},
        {"'s'", "LONG", NULL, "payload.subject_version is longer than 64 bytes"},
        {"'s'", "'v'", "null", "payload.sha256 must be"},
        {"'s'", "'v'", "'12'", "payload.sha256 must be 64 lower-case hex digits"},
        {"'s'", "'v'", "LONG", "payload.sha256 is longer than 64 bytes"},
        {"'s'", "'v'", "UPPER", "payload.sha256 must be 64 lower-case hex digits"},
    };
    join_five(f);
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *members[3] = {wrong[i].subject, wrong[i].version, wrong[i].sha256};
        char made[3][96];
        for (unsigned k = 0; k < 3; k++) {
            const char *member = members[k] ? members[k] : sha256;
            if (member == sha256)
                snprintf(made[k], sizeof made[k], "'%s'", sha256);
            else if (strcmp(member, "LONG") == 0)
                snprintf(made[k], sizeof made[k], "'%s'", text);
            else if (strcmp(member, "UPPER") == 0)
                snprintf(made[k], sizeof made[k], "'%.63sA'", sha256);
            else
                snprintf(made[k], sizeof made[k], "%s", member);
        }
        say(f, ADA, "commitment", "{'subject':%s,'subject_version':%s,'sha256':%s}", made[0],
            made[1], made[2]);
        assert_non_null(
            strstr(string_of(expect_error(f, ADA, "bad_payload"), "detail"), wrong[i].says));
        expect_nothing(f, ADA);
    }
    assert_string_equal(account_of(f, "ada"), "");
    say(f, ADA, "commitment", "{'subject':'%.64s','subject_version':'%.64s','sha256':'%s'}", text,
        text, sha256);
    wait_ticking(f, EPOCH_OVER);
    expect(f, ADA, "challenge");
}

static void test_level_1_can_not_commit(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    say(f, DAN, "commitment", "{'subject':'cpu','subject_version':'v1','sha256':'%s'}",
        digest_of(canonical));
    assert_non_null(strstr(string_of(expect_error(f, DAN, "forbidden"), "detail"), "level 2"));
    open_peer(f, FAY);
    say_raw(f, FAY,
            "{'message_id':'m','sender_id':'fay','message_type':'commitment','timestamp':'t',"
            "'payload':{'subject':'cpu','subject_version':'v1','sha256':'%s'}}",
            digest_of(canonical));
    expect_error(f, FAY, "forbidden");
    assert_null(member_of(f, "fay"));
    assert_string_equal(account_of(f, "dan"), "");
}

static void test_commitments_are_bounded(void **state)
{
    struct fixture *f = *state;
    char text[32];
    join_five(f);
    struct challenge claimed = claim(f, ADA, "p", 0.5), second, last;
    second = commit_to(f, ADA, "cpu", "v1", digest_of("second"));
    for (unsigned i = 2; i < COMMITMENTS_EACH_MAX; i++) {
        snprintf(text, sizeof text, "%u", i);
        last = commit_to(f, ADA, "cpu", "v1", digest_of(text));
    }
    struct challenge again = commit_to(f, ADA, "cpu", "v1", digest_of("second"));
    assert_string_equal(again.nonce, second.nonce);
    commit_to(f, ADA, "cpu", "v1", digest_of("one more"));
    /* the oldest went with which nothing was claimed */
    again = commit(f, ADA);
    assert_string_equal(again.nonce, claimed.nonce);
    again = commit_to(f, ADA, "cpu", "v1", digest_of(text));
    assert_string_equal(again.nonce, last.nonce);
    again = commit_to(f, ADA, "cpu", "v1", digest_of("second"));
    assert_string_not_equal(again.nonce, second.nonce);
    snprintf(text, sizeof text, "%u 1 0 0 0 0", COMMITMENTS_EACH_MAX + 2);
    assert_string_equal(account_of(f, "ada"), text);
}

/* Commits to {"a":number}; and claims it, as the pattern of that number. */
static struct challenge commit_to_number(struct fixture *f, unsigned number)
{
    char text[128];
    uint64_t bits;
    double value = number;
    memcpy(&bits, &value, sizeof bits);
    snprintf(text, sizeof text, "khub parameters 1\ncpu\nv1\na=%016llx\n",
             (unsigned long long)bits);
    return commit_to(f, ADA, "cpu", "v1", digest_of(text));
}

static void claim_number(struct fixture *f, const struct challenge *challenge, unsigned number)
{
    measure(f, ADA, challenge, 0.5);
    say(f, ADA, "pattern_share",
        "{'pattern':{'id':'p%u','commitment_id':'%s','nonce':'%s','subject':'cpu',"
        "'subject_version':'v1','parameters':{'a':%u},'seeds':64}}",
        number, challenge->id, challenge->nonce, number);
}

static void test_claimed_commitments_go_when_there_are_no_others(void **state)
{
    struct fixture *f = *state;
    char text[128];
    struct challenge first = {.id = ""};
    join_five(f);
    for (unsigned i = 0; i <= COMMITMENTS_EACH_MAX; i++) {
        struct challenge challenge = commit_to_number(f, i);
        claim_number(f, &challenge, i);
        expect_no(f, ADA, "error");
        first = i ? first : challenge;
    }
    /* what was claimed with the first one stands, and can be measured */
    report(f, BOB, "p0", &first, 0.5);
    report(f, CEY, "p0", &first, 0.5);
    assert_status(f, "p0", "confirmed");
    claim_number(f, &first, 0);
    assert_string_equal(string_of(expect(f, ADA, "error"), "code"), "bad_claim");
    snprintf(text, sizeof text, "%u %u 1 0 0 0", COMMITMENTS_EACH_MAX + 1,
             COMMITMENTS_EACH_MAX + 1);
    assert_string_equal(account_of(f, "ada"), text);
}

/* Who has claimed much may still commit to several sets of parameters before it claims the first
 * of them. */
static void test_claimed_commitments_leave_room_for_others(void **state)
{
    struct fixture *f = *state;
    struct challenge challenges[COMMITMENTS_EACH_MAX / 2];
    join_five(f);
    for (unsigned i = 0; i < COMMITMENTS_EACH_MAX; i++) {
        struct challenge challenge = commit_to_number(f, i);
        claim_number(f, &challenge, i);
    }
    for (unsigned i = 0; i < COMMITMENTS_EACH_MAX / 2; i++)
        challenges[i] = commit_to_number(f, 1000 + i);
    for (unsigned i = 0; i < COMMITMENTS_EACH_MAX / 2; i++)
        claim_number(f, &challenges[i], 1000 + i);
    expect_no(f, ADA, "error");
}

static void test_the_ledger_takes_its_share_of_the_knowledge(void **state)
{
    struct hub_config config = fixture_config();
    (void)state;
    config.knowledge_max = 4096;
    struct fixture *f = fixture_new(&config);
    char text[32];
    unsigned made = 0;
    size_t before = hub_count(fixture_hub(f)).knowledge_bytes;
    join(f, ADA, "ada", 2, "");
    for (; hub_count(fixture_hub(f)).refused == 0; made++) {
        snprintf(text, sizeof text, "%u", made);
        say(f, ADA, "commitment", "{'subject':'cpu','subject_version':'v1','sha256':'%s'}",
            digest_of(text));
        wait_ticking(f, EPOCH_OVER);
        size_t bytes = hub_count(fixture_hub(f)).knowledge_bytes;
        assert_true(bytes <= config.knowledge_max && bytes - before < 1024);
        before = bytes;
    }
    assert_string_equal(string_of(expect(f, ADA, "error"), "code"), "quota_exceeded");
    assert_in_range(made, 5, 20);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p','x':'%01000d'}}", 0);
    expect_error(f, ADA, "quota_exceeded");
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(test_a_commitment_is_answered_with_a_challenge),
        LEDGER_TEST(test_nobody_rolls_the_dice_twice),
        LEDGER_TEST(test_a_commitment_has_its_form),
        LEDGER_TEST(test_level_1_can_not_commit),
        LEDGER_TEST(test_commitments_are_bounded),
        LEDGER_TEST(test_claimed_commitments_go_when_there_are_no_others),
        LEDGER_TEST(test_claimed_commitments_leave_room_for_others),
        cmocka_unit_test(test_the_ledger_takes_its_share_of_the_knowledge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
