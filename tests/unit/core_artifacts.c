/* Files in workspaces: chunk by chunk, whole and what was offered or not at all, who may put and
 * read them, versions, bounds, and what of them is let go. */
#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "core/state.h"
#include "wire/base64.h"

#define ARTIFACT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
#define NOTHING             "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

enum { LINE_MAX_HERE = 4096, CHUNK = 2048, SIZE = 2 * CHUNK + 100 };

static char file[SIZE];

static int setup(void **state)
{
    struct hub_config config = fixture_config();
    config.line_max = LINE_MAX_HERE;
    *state = fixture_new(&config);
    for (size_t i = 0; i < SIZE; i++)
        file[i] = (char)(uint8_t)(i * 31 + i / 256);
    return 0;
}

static void join_all(struct fixture *f)
{
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 2, "");
    join(f, EVE, "eye", 2, "'role':'observer'");
}

/* A session of ada's and bob's that is under way, with nothing unread. */
static const char *active_session(struct fixture *f)
{
    say(f, ADA, "collaboration_request", "{'type':'t','description':'d','target_ai':'bob'}");
    const char *session = string_of(expect(f, ADA, "collaboration_update"), "session_id");
    say(f, BOB, "collaboration_response", "{'session_id':'%s','accepted':true}", session);
    skip_all(f);
    return session;
}

/* Offers `size` bytes of the file. */
static void offer(struct fixture *f, unsigned peer, const char *session, const char *name,
                  size_t size, unsigned base)
{
    char sha256[65];
    snprintf(sha256, sizeof sha256, "%s", size ? hash_of(file, size) : NOTHING);
    say(f, peer, "artifact_offer",
        "{'session_id':'%s','name':'%s','size':%zu,'sha256':'%s','base_version':%u}", session, name,
        size, sha256, base);
}

static void send_bytes(struct fixture *f, unsigned peer, const char *session, const char *name,
                       unsigned index, const char *bytes, size_t len)
{
    struct text data = {0};
    text_add_base64(&data, (struct slice){bytes, len});
    say(f, peer, "artifact_chunk", "{'session_id':'%s','name':'%s','index':%u,'data':'%.*s'}",
        session, name, index, SLICE_FORMAT(text_slice(&data)));
    text_free(&data);
}

/* Chunk `index` of `size` bytes of the file. */
static void chunk(struct fixture *f, unsigned peer, const char *session, const char *name,
                  size_t size, unsigned index)
{
    size_t at = (size_t)index * CHUNK, left = size - at;
    send_bytes(f, peer, session, name, index, file + at, left < CHUNK ? left : CHUNK);
}

/* All of it, from somebody who may; nothing is unread after it. */
static void put(struct fixture *f, unsigned peer, const char *session, const char *name,
                size_t size, unsigned base)
{
    offer(f, peer, session, name, size, base);
    for (unsigned i = 0; i * CHUNK < size; i++)
        chunk(f, peer, session, name, size, i);
    if (size)
        for (unsigned i = 0; i * CHUNK < size; i++)
            expect(f, peer, "artifact");
    assert_string_equal(string_of(expect(f, peer, "artifact"), "status"), "kept");
    skip_all(f);
}

static void test_a_file_comes_chunk_by_chunk(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    offer(f, ADA, session, "a/b.log", SIZE, 0);
    json_t *told = expect(f, ADA, "artifact");
    assert_string_equal(names_of(told),
                        "chunk,in_reply_to,name,next,session_id,sha256,size,status");
    assert_string_equal(string_of(told, "status"), "open");
    assert_int_equal(integer_of(told, "chunk"), CHUNK);
    assert_int_equal(integer_of(told, "next"), 0);
    for (unsigned i = 0; i < 2; i++) {
        chunk(f, ADA, session, "a/b.log", SIZE, i);
        assert_int_equal(integer_of(expect(f, ADA, "artifact"), "next"), i + 1);
        expect_nothing(f, BOB); /* nobody else hears of what is on its way */
        expect_nothing(f, EVE);
    }
    chunk(f, ADA, session, "a/b.log", SIZE, 2);
    static const unsigned hear[] = {ADA, BOB, EVE};
    for (unsigned i = 0; i < 3; i++) {
        told = expect(f, hear[i], "artifact");
        assert_string_equal(names_of(told),
                            "by,for_room,in_reply_to,name,session_id,sha256,size,status,version");
        assert_string_equal(string_of(told, "status"), "kept");
        assert_string_equal(string_of(told, "by"), "ada");
        assert_string_equal(string_of(told, "sha256"), hash_of(file, SIZE));
        assert_string_equal(string_of(told, "in_reply_to"), last_message_id(f));
        assert_int_equal(integer_of(told, "version"), 1);
    }
    expect_nothing(f, CEY);
    assert_int_equal(chunks_kept(f), 3);
    put(f, BOB, session, "empty", 0, 0);
    assert_int_equal(chunks_kept(f), 3);
}

/* What a peer is answered who asks for all chunks, put together. */
static void expect_read(struct fixture *f, unsigned peer, const char *which, size_t size)
{
    struct text got = {0};
    for (unsigned i = 0; i * CHUNK < size; i++) {
        say(f, peer, "artifact_query", "{%s,'index':%u}", which, i);
        expect_nothing(f, peer);
        answer_chunk(f, true);
        json_t *told = expect(f, peer, "artifact_result");
        assert_string_equal(names_of(told),
                            "chunks,data,in_reply_to,index,name,session_id,sha256,size,version");
        assert_int_equal(integer_of(told, "index"), i);
        assert_true(text_add_base64_decoded(&got, slice_of(string_of(told, "data"))));
    }
    assert_true(slice_equal(text_slice(&got), (struct slice){file, size}));
    text_free(&got);
}

static void test_it_is_read_by_those_who_may(void **state)
{
    struct fixture *f = *state;
    char by_name[128], by_sha256[128];
    join_all(f);
    const char *session = active_session(f);
    put(f, ADA, session, "f", SIZE, 0);
    snprintf(by_name, sizeof by_name, "'session_id':'%s','name':'f'", session);
    snprintf(by_sha256, sizeof by_sha256, "'sha256':'%s'", hash_of(file, SIZE));
    expect_read(f, ADA, by_name, SIZE);
    expect_read(f, BOB, by_sha256, SIZE);
    expect_read(f, EVE, by_sha256, SIZE);
    say(f, CEY, "artifact_query", "{%s,'index':0}", by_sha256);
    expect_error(f, CEY, "not_found");
    say(f, CEY, "artifact_query", "{}");
    assert_int_equal(integer_of(expect(f, CEY, "artifact_result"), "total"), 0);
    say(f, BOB, "artifact_query", "{%s,'index':3}", by_sha256);
    expect_error(f, BOB, "not_found");
    say(f, BOB, "artifact_query", "{'index':0}");
    expect_error(f, BOB, "bad_payload");
    /* one at a time, and what can't be read is said */
    say(f, BOB, "artifact_query", "{%s,'index':0}", by_sha256);
    say(f, BOB, "artifact_query", "{%s,'index':1}", by_sha256);
    assert_limit(expect_error(f, BOB, "quota_exceeded"), "artifact_queries", "connection", 1);
    answer_chunk(f, false);
    assert_string_equal(string_of(expect(f, BOB, "error"), "code"), "storage_unavailable");
    /* for the room: offered again so, it is all the room's to read */
    say(f, BOB, "artifact_offer", "{'session_id':'%s','name':'f','size':%d,%s,'for_room':true}",
        session, SIZE, by_sha256);
    assert_string_equal(string_of(expect(f, BOB, "artifact"), "status"), "kept");
    expect_read(f, CEY, by_sha256, SIZE);
    assert_int_equal(chunks_kept(f), 3);
}

static void test_the_list_says_what_there_is(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    put(f, ADA, session, "f", SIZE, 0);
    put(f, BOB, session, "f", 10, 1);
    offer(f, BOB, session, "g", SIZE, 0);
    chunk(f, BOB, session, "g", SIZE, 0);
    skip_all(f);
    say(f, BOB, "artifact_query", "{}");
    json_t *told = expect(f, BOB, "artifact_result");
    assert_string_equal(names_of(told), "artifacts,in_reply_to,next,total");
    static const char *const statuses[] = {"former", "kept", "open"};
    assert_int_equal(integer_of(told, "total"), 3);
    for (unsigned i = 0; i < 3; i++) {
        json_t *artifact = json_array_get(json_object_get(told, "artifacts"), i);
        assert_string_equal(string_of(artifact, "status"), statuses[i]);
        assert_int_equal(integer_of(artifact, "version"), i < 2 ? i + 1 : 0);
        assert_string_equal(string_of(artifact, "session_id"), session);
        if (i == 2)
            assert_int_equal(integer_of(artifact, "next"), 1);
    }
    say(f, ADA, "artifact_query", "{'name':'f','limit':1}"); /* what bob sends is bob's alone */
    told = expect(f, ADA, "artifact_result");
    assert_int_equal(integer_of(told, "total"), 2);
    assert_int_equal(json_array_size(json_object_get(told, "artifacts")), 1);
    say(f, ADA, "artifact_query", "{'name':'f','limit':1,'after':%lld}",
        (long long)integer_of(told, "next"));
    told = expect(f, ADA, "artifact_result");
    assert_true(json_is_null(json_object_get(told, "next")));
    assert_int_equal(integer_of(json_array_get(json_object_get(told, "artifacts"), 0), "version"),
                     2);
}

static void test_what_is_not_what_was_offered_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    char other[CHUNK];
    memset(other, 'x', sizeof other);
    join_all(f);
    const char *session = active_session(f);
    offer(f, ADA, session, "f", SIZE, 0);
    chunk(f, ADA, session, "f", SIZE, 0);
    send_bytes(f, ADA, session, "f", 1, other, CHUNK);
    skip_all(f);
    chunk(f, ADA, session, "f", SIZE, 2);
    json_t *told = expect(f, ADA, "artifact");
    assert_string_equal(string_of(told, "status"), "dropped");
    assert_string_equal(string_of(told, "reason"), "sha256");
    assert_string_equal(string_of(told, "sha256"), hash_of(file, SIZE));
    assert_string_not_equal(string_of(told, "found"), string_of(told, "sha256"));
    expect_nothing(f, BOB);
    assert_int_equal(chunks_kept(f), 0);
    say(f, ADA, "artifact_query", "{}");
    assert_int_equal(integer_of(expect(f, ADA, "artifact_result"), "total"), 0);
    chunk(f, ADA, session, "f", SIZE, 0);
    expect_error(f, ADA, "not_found");
    put(f, ADA, session, "f", SIZE, 0); /* and it can come again */
}

static void test_an_upload_is_resumed(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    offer(f, ADA, session, "f", SIZE, 0);
    chunk(f, ADA, session, "f", SIZE, 0);
    leave(f, ADA);
    join(f, ADA, "ada", 2, "");
    offer(f, ADA, session, "f", SIZE, 0);
    assert_int_equal(integer_of(expect(f, ADA, "artifact"), "next"), 1);
    chunk(f, ADA, session, "f", SIZE, 0); /* which is there */
    json_t *error = expect_error(f, ADA, "conflict");
    assert_int_equal(integer_of(error, "next"), 1);
    chunk(f, ADA, session, "f", SIZE, 2); /* or not to come yet */
    assert_int_equal(integer_of(expect_error(f, ADA, "conflict"), "next"), 1);
    chunk(f, ADA, session, "f", SIZE, 1);
    chunk(f, ADA, session, "f", SIZE, 2);
    assert_string_equal(string_of(expect(f, BOB, "artifact"), "status"), "kept");
    assert_int_equal(chunks_kept(f), 3);
    /* another offer under the name begins anew */
    skip_all(f);
    offer(f, ADA, session, "g", SIZE, 0);
    chunk(f, ADA, session, "g", SIZE, 0);
    offer(f, ADA, session, "g", SIZE - 1, 0);
    assert_int_equal(chunks_kept(f), 3);
}

static void test_two_write_one_name(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    offer(f, ADA, session, "f", SIZE, 0);
    offer(f, BOB, session, "f", CHUNK + 1, 0);
    chunk(f, ADA, session, "f", SIZE, 0);
    chunk(f, BOB, session, "f", CHUNK + 1, 0);
    chunk(f, BOB, session, "f", CHUNK + 1, 1);
    chunk(f, ADA, session, "f", SIZE, 1);
    skip_all(f);
    chunk(f, ADA, session, "f", SIZE, 2); /* bob was faster */
    json_t *told = expect(f, ADA, "artifact");
    assert_string_equal(string_of(told, "status"), "dropped");
    assert_string_equal(string_of(told, "reason"), "conflict");
    assert_int_equal(integer_of(told, "version"), 1);
    expect_nothing(f, BOB);
    assert_int_equal(chunks_kept(f), 2);
    offer(f, ADA, session, "f", SIZE, 0);
    json_t *error = expect_error(f, ADA, "conflict");
    assert_int_equal(integer_of(error, "version"), 1);
    assert_string_equal(string_of(error, "sha256"), hash_of(file, CHUNK + 1));
    put(f, ADA, session, "f", SIZE, 1);
    assert_int_equal(chunks_kept(f), 5); /* a former one stays, as long as there is room */
}

static void test_only_participants_put_files(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    join(f, DAN, "dan", 1, "");
    const char *session = active_session(f);
    offer(f, CEY, session, "f", SIZE, 0);
    expect_error(f, CEY, "not_participant");
    offer(f, EVE, session, "f", SIZE, 0);
    expect_error(f, EVE, "not_participant");
    offer(f, DAN, session, "f", SIZE, 0);
    expect_error(f, DAN, "forbidden");
    offer(f, ADA, "none", "f", SIZE, 0);
    expect_error(f, ADA, "unknown_session");
    offer(f, ADA, session, "f", SIZE, 0);
    skip_all(f);
    chunk(f, BOB, session, "f", SIZE, 0); /* ada's upload is not bob's */
    expect_error(f, BOB, "not_found");
    chunk(f, CEY, session, "f", SIZE, 0);
    expect_error(f, CEY, "not_participant");
    assert_int_equal(chunks_kept(f), 0);
}

static void test_bad_payloads(void **state)
{
    struct fixture *f = *state;
    static const char *const offers[] = {
        "{'session_id':'%s','size':0,'sha256':'" NOTHING "'}",
        "{'session_id':'%s','name':'a\\nb','size':0,'sha256':'" NOTHING "'}",
        "{'session_id':'%s','name':'f','sha256':'" NOTHING "'}",
        "{'session_id':'%s','name':'f','size':67108865,'sha256':'" NOTHING "'}",
        "{'session_id':'%s','name':'f','size':1.5,'sha256':'" NOTHING "'}",
        "{'session_id':'%s','name':'f','size':0}",
        "{'session_id':'%s','name':'f','size':0,'sha256':'E3'}",
        "{'session_id':'%s','name':'f','size':0,'sha256':'a3b0c44298fc1c149afbf4c8996fb92427ae41e"
        "4649b934ca495991b7852b855'}",
        "{'session_id':'%s','name':'f','size':0,'for_room':1,'sha256':'" NOTHING "'}"};
    static const char *const chunks[] = {
        "'data':'Zg=='",                       /* not so many bytes as a chunk has */
        "'data':'Z'", "'data':5", "'other':1", /* none at all */
    };
    join_all(f);
    const char *session = active_session(f);
    for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
        char payload[512];
        snprintf(payload, sizeof payload, "%s", offers[i]);
        char *at = strstr(payload, "%s"); /* one %s, of the test's own */
        char whole[640];
        snprintf(whole, sizeof whole, "%.*s%s%s", (int)(at - payload), payload, session, at + 2);
        say(f, ADA, "artifact_offer", "%s", whole);
        expect_error(f, ADA, "bad_payload");
    }
    offer(f, ADA, session, "f", SIZE, 0);
    skip_all(f);
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        say(f, ADA, "artifact_chunk", "{'session_id':'%s','name':'f','index':0,%s}", session,
            chunks[i]);
        expect_error(f, ADA, "bad_payload");
    }
    /* what admit writes into a chunk nobody else can */
    say(f, ADA, "artifact_chunk",
        "{'session_id':'%s','name':'f','index':1,'before':'','after':'%s'}", session, NOTHING);
    expect_error(f, ADA, "conflict");
    assert_int_equal(chunks_kept(f), 0);
    say(f, ADA, "artifact_query", "{'limit':0}");
    expect_error(f, ADA, "bad_payload");
}

static void test_a_session_that_ends_keeps_what_is_whole(void **state)
{
    struct fixture *f = *state;
    char which[128];
    join_all(f);
    const char *session = active_session(f);
    put(f, ADA, session, "f", SIZE, 0);
    offer(f, BOB, session, "g", SIZE, 0);
    chunk(f, BOB, session, "g", SIZE, 0);
    assert_int_equal(chunks_kept(f), 4);
    say(f, ADA, "collaboration_update", "{'session_id':'%s','status':'cancelled'}", session);
    assert_int_equal(chunks_kept(f), 3);
    skip_all(f);
    snprintf(which, sizeof which, "'session_id':'%s','name':'f'", session);
    expect_read(f, BOB, which, SIZE);
    offer(f, ADA, session, "h", SIZE, 0);
    expect_error(f, ADA, "conflict");
    for (unsigned i = 0; i < SESSIONS_ENDED_MAX; i++) { /* until it is forgotten */
        assert_int_equal(chunks_kept(f), 3);
        say(f, ADA, "collaboration_request", "{'target_ai':'bob'}");
        const char *id = string_of(expect(f, ADA, "collaboration_update"), "session_id");
        say(f, ADA, "collaboration_update", "{'session_id':'%s','status':'cancelled'}", id);
        skip_all(f);
    }
    assert_int_equal(chunks_kept(f), 0);
}

/* As if files of so many bytes were offered, without any of them. */
static void claim_bytes(struct fixture *f, unsigned peer, const char *session, const char *name,
                        unsigned mib)
{
    say(f, peer, "artifact_offer", "{'session_id':'%s','name':'%s','size':%u,'sha256':'%s'}",
        session, name, mib << 20, hash_of(name, strlen(name)));
}

static void test_bounds_are_named(void **state)
{
    struct hub_config config = fixture_config();
    config.artifacts_max = 200u << 20;
    struct fixture *f = fixture_new(&config);
    char name[16];
    (void)state;
    join_all(f);
    const char *session = active_session(f);
    for (unsigned i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "big%u", i);
        claim_bytes(f, ADA, session, name, 64);
        assert_string_equal(string_of(expect(f, ADA, "artifact"), "status"), "open");
    }
    claim_bytes(f, ADA, session, "big3", 64);
    assert_limit(expect_error(f, ADA, "quota_exceeded"), "artifact_bytes", "hub", 200u << 20);
    fixture_hub(f)->config.artifacts_max = UINT64_MAX;
    claim_bytes(f, ADA, session, "big3", 64);
    expect(f, ADA, "artifact");
    claim_bytes(f, ADA, session, "big4", 1);
    assert_limit(expect_error(f, ADA, "quota_exceeded"), "artifact_bytes", "ai",
                 ARTIFACTS_BYTES_EACH_MAX);
    for (unsigned i = 0; i < UPLOADS_EACH_MAX; i++) {
        snprintf(name, sizeof name, "small%u", i);
        claim_bytes(f, BOB, session, name, 1);
        expect(f, BOB, "artifact");
    }
    claim_bytes(f, BOB, session, "small", 1);
    assert_limit(expect_error(f, BOB, "quota_exceeded"), "uploads", "ai", UPLOADS_EACH_MAX);
    fixture_free(f);
}

/* Of a full owner those that make way do so, the first offered first; never what a session that
 * has not ended has under its name. */
static void test_former_ones_make_way(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    put(f, ADA, session, "f", SIZE, 0);
    put(f, ADA, session, "f", CHUNK, 1);
    put(f, ADA, session, "f", 7, 2);
    assert_int_equal(chunks_kept(f), 5);
    struct room *room = room_find(fixture_hub(f), slice_of("main"));
    struct artifact *first = TAILQ_FIRST(&room->artifacts);
    uint64_t more = ARTIFACTS_BYTES_EACH_MAX - SIZE - CHUNK - 7;
    first->size += more; /* as if it were so large */
    room->artifact_bytes += more;
    put(f, ADA, session, "g", 1, 0);
    assert_int_equal(chunks_kept(f), 3); /* f's first is gone, its second is not */
    assert_int_equal(room->artifact_count, 3);
}

/* Chunks are proposed before those in front of them are applied. */
static void test_chunks_wait_in_the_log(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    offer(f, ADA, session, "f", SIZE, 0);
    skip_all(f);
    fixture_hold(f);
    for (unsigned i = 0; i < 3; i++)
        chunk(f, ADA, session, "f", SIZE, i);
    chunk(f, ADA, session, "f", SIZE, 0); /* and one of them again */
    expect_nothing(f, ADA);
    fixture_commit(f);
    assert_int_equal(integer_of(expect(f, ADA, "artifact"), "next"), 1);
    assert_int_equal(integer_of(expect(f, ADA, "artifact"), "next"), 2);
    assert_string_equal(string_of(expect(f, ADA, "artifact"), "status"), "kept");
    assert_string_equal(string_of(expect(f, ADA, "error"), "code"), "not_found");
    assert_int_equal(chunks_kept(f), 3);
}

/* Another first chunk is said behind the first, and one that goes on from it: what is kept are the
 * first's bytes, and the hash is not that of the other's. */
static void test_a_chunk_goes_on_from_what_is_there(void **state)
{
    struct fixture *f = *state;
    char other[CHUNK];
    memset(other, 'x', sizeof other);
    join_all(f);
    const char *session = active_session(f);
    offer(f, ADA, session, "f", SIZE, 0);
    skip_all(f);
    fixture_hold(f);
    send_bytes(f, ADA, session, "f", 0, other, CHUNK);
    chunk(f, ADA, session, "f", SIZE, 0);
    for (unsigned i = 1; i < 3; i++)
        chunk(f, ADA, session, "f", SIZE, i);
    fixture_commit(f);
    assert_int_equal(integer_of(expect(f, ADA, "artifact"), "next"), 1);
    for (unsigned i = 0; i < 3; i++)
        assert_string_equal(string_of(expect(f, ADA, "error"), "code"), "conflict");
    assert_int_equal(chunks_kept(f), 1);
    expect_nothing(f, BOB);
}

/* One that could not be kept takes those behind it with it, and the next is told. */
static void test_a_chunk_is_lost(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    offer(f, ADA, session, "f", SIZE, 0);
    skip_all(f);
    fixture_fill(f, true);
    chunk(f, ADA, session, "f", SIZE, 0);
    expect_error(f, ADA, "storage_unavailable");
    fixture_fill(f, false);
    chunk(f, ADA, session, "f", SIZE, 1);
    assert_int_equal(integer_of(expect_error(f, ADA, "conflict"), "next"), 0);
    for (unsigned i = 0; i < 3; i++)
        chunk(f, ADA, session, "f", SIZE, i);
    assert_string_equal(string_of(expect(f, BOB, "artifact"), "status"), "kept");
    assert_int_equal(chunks_kept(f), 3);
}

/* The same message twice is one. */
static void test_acks(void **state)
{
    struct fixture *f = *state;
    char data[64];
    join(f, ADA, "ada", 2, "'acks':true");
    join(f, BOB, "bob", 2, "");
    const char *session = active_session(f);
    offer(f, ADA, session, "f", 7, 0);
    skip_all(f);
    struct text base64 = {0};
    text_add_base64(&base64, (struct slice){file, 7});
    snprintf(data, sizeof data, "%.*s", SLICE_FORMAT(text_slice(&base64)));
    text_free(&base64);
    for (unsigned i = 0; i < 2; i++) {
        say_raw(f, ADA,
                "{'message_id':'m','sender_id':'ada','message_type':'artifact_chunk',"
                "'timestamp':'t','payload':{'session_id':'%s','name':'f','index':0,'data':'%s'},"
                "'target_ai':null}",
                session, data);
        assert_string_equal(string_of(expect(f, ADA, "ack"), "message_id"), "m");
    }
    assert_string_equal(string_of(expect(f, BOB, "artifact"), "status"), "kept");
    expect_nothing(f, BOB);
    assert_int_equal(chunks_kept(f), 1);
}

/* A hub that applies the same entries, which have none of the bytes, comes to the same. */
static void no_effect(void *ctx, const struct effect *effect)
{
    (void)ctx;
    (void)effect;
}

static void nobody_joined(void *ctx, peer_id peer)
{
    (void)ctx;
    (void)peer;
}

static void test_a_replay_needs_no_bytes(void **state)
{
    struct fixture *f = *state;
    struct text here = {0}, there = {0};
    join_all(f);
    const char *session = active_session(f);
    put(f, ADA, session, "f", SIZE, 0);
    put(f, BOB, session, "f", CHUNK, 1);
    offer(f, BOB, session, "g", SIZE, 0);
    chunk(f, BOB, session, "g", SIZE, 0);
    struct hub_config config = fixture_config();
    config.line_max = LINE_MAX_HERE;
    struct hub_edge edge = fixture_edge(f);
    edge.drop_chunks = NULL;
    edge.effect = no_effect;
    edge.joined = nobody_joined;
    struct hub *hub = hub_new(&config, &edge);
    fixture_replay(f, hub);
    hub_dump(fixture_hub(f), slice_of("main"), &here);
    hub_dump(hub, slice_of("main"), &there);
    assert_non_null(strstr(here.at, "\"open\""));
    assert_true(slice_equal(text_slice(&here), text_slice(&there)));
    hub_free(hub);
    text_free(&here);
    text_free(&there);
}

static void test_a_hub_that_keeps_nothing(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    fixture_hub(f)->edge.drop_chunks = NULL;
    offer(f, ADA, session, "f", SIZE, 0);
    json_t *error = expect_error(f, ADA, "storage_unavailable");
    assert_non_null(strstr(string_of(error, "detail"), "--memory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARTIFACT_TEST(test_a_file_comes_chunk_by_chunk),
        ARTIFACT_TEST(test_it_is_read_by_those_who_may),
        ARTIFACT_TEST(test_the_list_says_what_there_is),
        ARTIFACT_TEST(test_what_is_not_what_was_offered_leaves_nothing),
        ARTIFACT_TEST(test_an_upload_is_resumed),
        ARTIFACT_TEST(test_two_write_one_name),
        ARTIFACT_TEST(test_only_participants_put_files),
        ARTIFACT_TEST(test_bad_payloads),
        ARTIFACT_TEST(test_a_session_that_ends_keeps_what_is_whole),
        cmocka_unit_test(test_bounds_are_named),
        ARTIFACT_TEST(test_former_ones_make_way),
        ARTIFACT_TEST(test_chunks_wait_in_the_log),
        ARTIFACT_TEST(test_a_chunk_goes_on_from_what_is_there),
        ARTIFACT_TEST(test_a_chunk_is_lost),
        ARTIFACT_TEST(test_acks),
        ARTIFACT_TEST(test_a_replay_needs_no_bytes),
        ARTIFACT_TEST(test_a_hub_that_keeps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
