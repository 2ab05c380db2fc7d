/* The state of a room as rows: all of it, out and in and out again; what changed; and rows that
 * a disk has damaged. */
#include "core_claims.h"

#include <stdlib.h>
#include <string.h>

#include "core_steps.h"
#include "tests/grown.h"
#include "wire/text.h"

#define ROWS_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* ── rows, kept ── */

struct kept {
    enum row_kind kind;
    char *key, *bytes;
    size_t key_len;
};

struct table {
    struct kept *rows;
    size_t count;
};

static char *copy(struct slice bytes)
{
    char *copied = malloc(bytes.len + 1);
    assert_non_null(copied);
    if (bytes.len)
        memcpy(copied, bytes.at, bytes.len);
    copied[bytes.len] = '\0';
    return copied;
}

static struct kept *table_find(const struct table *table, const struct row *row)
{
    for (size_t i = 0; i < table->count; i++) {
        struct kept *kept = &table->rows[i];
        if (kept->kind == row->kind && kept->key_len == row->key.len &&
            memcmp(kept->key, row->key.at ? row->key.at : "", kept->key_len) == 0)
            return kept;
    }
    return NULL;
}

/* What a store does with a row: puts it, or deletes it. */
static void table_take(void *ctx, const struct row *row)
{
    struct table *table = ctx;
    struct kept *kept = table_find(table, row);
    if (!row->bytes.at) {
        if (!kept)
            return; /* it came and went between two checkpoints */
        free(kept->key);
        free(kept->bytes);
        *kept = table->rows[--table->count];
        return;
    }
    if (!kept) {
        table->rows = grown(table->rows, table->count, sizeof *table->rows);
        assert_non_null(table->rows);
        kept = &table->rows[table->count++];
        *kept = (struct kept){row->kind, copy(row->key), NULL, row->key.len};
    }
    free(kept->bytes);
    kept->bytes = copy(row->bytes);
}

static int kept_compare(const void *left, const void *right)
{
    const struct kept *one = left, *other = right;
    if (one->kind != other->kind)
        return one->kind < other->kind ? -1 : 1;
    return strcmp(one->key, other->key);
}

static void table_sort(struct table *table)
{
    qsort(table->rows, table->count, sizeof *table->rows, kept_compare);
}

static void table_free(struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free(table->rows[i].key);
        free(table->rows[i].bytes);
    }
    free(table->rows);
}

static struct table saved(const struct hub *hub)
{
    struct table table = {NULL, 0};
    hub_save(hub, slice_of("main"), table_take, &table);
    table_sort(&table);
    return table;
}

static void assert_same(const struct table *left, const struct table *right)
{
    for (size_t i = 0; i < left->count && i < right->count; i++) {
        assert_string_equal(left->rows[i].key, right->rows[i].key);
        assert_string_equal(left->rows[i].bytes, right->rows[i].bytes);
        assert_int_equal(left->rows[i].kind, right->rows[i].kind);
    }
    assert_int_equal(left->count, right->count);
}

/* ── hubs from rows ── */

static struct hub *hub_beside(struct fixture *f)
{
    struct hub_config config = fixture_config();
    struct hub_edge edge = fixture_edge(f);
    return hub_new(&config, &edge);
}

static int load(struct hub *hub, const struct table *table, char why[256])
{
    why[0] = '\0';
    for (size_t i = 0; i < table->count; i++) {
        const struct kept *kept = &table->rows[i];
        struct row row = {kept->kind, {kept->key, kept->key_len}, slice_of(kept->bytes)};
        if (hub_load(hub, slice_of("main"), &row, why, 256) < 0)
            return -1;
    }
    return hub_loaded(hub, slice_of("main"), why, 256);
}

static void assert_loads(struct fixture *f, const struct table *table)
{
    char why[256];
    struct hub *hub = hub_beside(f);
    if (load(hub, table, why) < 0)
        fail_msg("%s", why);
    if (hub_recount(hub, why, sizeof why) < 0)
        fail_msg("%s", why);
    struct table again = saved(hub);
    assert_same(table, &again);
    struct text dumps[2] = {{0}, {0}};
    hub_dump(fixture_hub(f), slice_of("main"), &dumps[0]);
    hub_dump(hub, slice_of("main"), &dumps[1]);
    assert_true(slice_equal(text_slice(&dumps[0]), text_slice(&dumps[1])));
    text_free(&dumps[0]);
    text_free(&dumps[1]);
    table_free(&again);
    hub_free(hub);
}

/* ── a room with one of everything ── */

/* Everybody may come in, hal is an admin, and jon is of hans. */
static int let_in(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
                  struct refusal *ret_refusal)
{
    (void)ctx, (void)ret_refusal;
    *ret_pass = (struct hub_pass){.admin = slice_is(login->ai_id, "hal")};
    if (slice_is(login->ai_id, "jon"))
        ret_pass->owner = slice_of("hans");
    return 0;
}

/* One that is done, and reported on; one that is claimed, one that waits for it, one given up. */
static void fill_tasks(struct fixture *f)
{
    say(f, ADA, "task", "{'key':'first','title':'t','body':'\\u0000b'}");
    say(f, ADA, "task", "{'key':'second','title':'t','needs':['first']}");
    say(f, BOB, "task", "{'key':'third','title':'t','needs':['second','first']}");
    say(f, BOB, "task", "{'key':'fourth','title':'t','blocks':['third']}");
    say(f, BOB, "task", "{'id':'fourth','status':'dropped','why':'no'}");
    skip_all(f);
    say(f, BOB, "lease_request", "{'key':'task:first','ttl_s':60}");
    say(f, BOB, "task",
        "{'id':'first','status':'done','fence':%lld,'evidence':[{'command':'c','exit':0,"
        "'printed':'p','artifact':'%s'},{'command':'d','exit':1}]}",
        (long long)integer_of(expect(f, BOB, "lease"), "fence"), digest_of("a"));
    say(f, HAL, "evidence_report", "{'task':'first','exit':0,'printed':'q','note':'n'}");
    say(f, JON, "evidence_report", "{'task':'first','index':1,'exit':1}");
    say(f, BOB, "evidence_report", "{'task':'first','index':1,'exit':1}"); /* which counts not */
    say(f, ADA, "lease_request", "{'key':'task:second','ttl_s':60}");
    skip_all(f);
}

static void fill(struct fixture *f)
{
    fixture_let_in(f, let_in);
    join_five(f);
    join(f, HAL, "hal", 2, "");
    join(f, IDA, "ida", 1, "");
    say(f, HAL, "moderation", "{'action':'kick','target':{'ai_id':'ida'},'reason':'r'}");
    say(f, HAL, "moderation", "{'action':'ban','target':{'owner':'o'},'reason':'r','for_s':9}");
    say(f, HAL, "moderation", "{'action':'ban','target':{'ai_id':'gone'},'reason':'r'}");
    join(f, JON, "jon", 2, "");
    say(f, JON, "pattern_share", "{'pattern':{'id':'jons'}}");
    join(f, FAY, "fay/1", 2, "'acks':true");
    for (unsigned i = 0; i < RECEIPTS_IN_BLOCK + 2; i++)
        say(f, FAY, "chat", "{}");
    say(f, BOB, "chat", "{'in_reply_to':'%s'}", last_message_id(f));
    join(f, GUS, "fay", 2, "'acks':true");
    say_to(f, GUS, "cey", "chat", "{'reply_by':1000}");
    say_to(f, GUS, "cey", "chat", "{'reply_by':2000}");
    skip_all(f);
    struct challenge root = claim(f, ADA, "root", 0.4), good = claim(f, CEY, "good", 0.6);
    derive_claim(f, BOB, "child", "['root','good']");
    report(f, BOB, "root", &root, 0.7);
    report(f, CEY, "root", &root, 0.7);
    report(f, BOB, "good", &good, 0.6);
    claim(f, ADA, "root", 0.3); /* a second revision: the first is settled */
    struct challenge module = commit_to(f, CEY, "cpu", "v1", module_of("int a;"));
    measure(f, CEY, &module, 0.5);
    say(f, CEY, "pattern_share",
        "{'pattern':{'id':'module','commitment_id':'%s','nonce':'%s','subject':'cpu',"
        "'subject_version':'v1','source':'int a;','seeds':64}}",
        module.id, module.nonce);
    expect_no(f, CEY, "error");
    say(f, BOB, "pattern_share", "{'pattern':{'id':'taken'}}");
    say(f, HAL, "moderation", "{'action':'retract','target':{'id':'taken'},'reason':'r'}");
    commit_to(f, BOB, "fs", "v9", digest_of("x"));
    say(f, BOB, "commitment", "{'subject':'fs','subject_version':'v9','sha256':'%s'}",
        digest_of("that waits"));
    say(f, BOB, "code_share", "{'code':{'id':'c\\u0000\\u00e9','language':'c'}}");
    say(f, ADA, "os_component_share", "{'component':{'name':'n','id':'own'}}");
    say(f, BOB, "performance_report",
        "{'component_id':'own','performance':{'score':0.5,'integration_tested':true}}");
    skip_all(f);
    const char *session = request(f, "bob");
    answer(f, BOB, session, true);
    say(f, ADA, "workspace_update",
        "{'session_id':'%s','key':'a/b','value':{'x':[1,2.50]},'base_version':0}", session);
    say(f, BOB, "workspace_update", "{'session_id':'%s','key':'s','value':'text','base_version':0}",
        session);
    skip_all(f);
    const char *hash = hash_of("patch", 5);
    say(f, ADA, "artifact_offer", "{'session_id':'%s','name':'p','size':5,'sha256':'%s'}", session,
        hash);
    say(f, ADA, "artifact_chunk", "{'session_id':'%s','name':'p','index':0,'data':'cGF0Y2g='}",
        session);
    say(f, ADA, "artifact_offer",
        "{'session_id':'%s','name':'p','size':0,'base_version':1,'for_room':true,'sha256':"
        "'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'}",
        session);
    say(f, BOB, "artifact_offer", "{'session_id':'%s','name':'q','size':300000,'sha256':'%s'}",
        session, hash);
    skip_all(f);
    const char *done = request(f, "cey");
    answer(f, CEY, done, false);
    skip_all(f);
    request(f, "");
    say(f, BOB, "lease_request", "{'key':'gone','ttl_s':1}");
    join(f, KIM, "kim", 2, "'specialization':'person','sync':'none'");
    say(f, ADA, "touch", "{'paths':['a/b','c'],'note':'n'}");
    say(f, BOB, "touch", "{'paths':['a'],'ttl_s':7}");
    say(f, ADA, "touch", "{'paths':['a/b','gone']}");
    say(f, ADA, "touch", "{'paths':['gone'],'done':true}");
    for (unsigned i = 0; i < 3; i++)
        say(f, BOB, "approval_request",
            "{'question':'?','choices':['a','b'],'default':'b','timeout_s':%u}", 60 + i);
    say(f, KIM, "approval_answer", "{'approval_id':'%s','choice':'a','note':'n'}",
        string_of(expect(f, BOB, "approval"), "approval_id"));
    say(f, BOB, "approval_request", "{'approval_id':'%s','withdrawn':true}",
        string_of(expect(f, BOB, "approval"), "approval_id"));
    say(f, ADA, "lease_request", "{'key':'k','ttl_s':60,'intent':'i'}");
    fill_tasks(f);
    say(f, BOB, "chat", "{'in_reply_to':'%s'}", last_message_id(f));
    say(f, ADA, "chat", "{'in_reply_to':'%s'}", last_message_id(f));
    leave(f, CEY);
    skip_all(f);
}

static void test_what_is_saved_loads_and_saves_the_same(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct table table = saved(fixture_hub(f));
    bool kinds[ROW_KIND_COUNT] = {false};
    for (size_t i = 0; i < table.count; i++)
        kinds[table.rows[i].kind] = true;
    for (int kind = 0; kind < ROW_KIND_COUNT; kind++)
        if (!kinds[kind])
            fail_msg("no %s among the rows", row_kind_text((enum row_kind)kind));
    assert_loads(f, &table);
    table_free(&table);
}

/* Nothing says that they come in the order in which they were said. */
static void test_what_was_said_loads_in_any_order(void **state)
{
    struct fixture *f = *state;
    char why[256];
    fill(f);
    struct table table = saved(fixture_hub(f)), backwards = table;
    struct hub *hub = hub_beside(f);
    size_t from = 0, to;
    while (table.rows[from].kind != ROW_SENT)
        from++;
    for (to = from; to < table.count && table.rows[to].kind == ROW_SENT; to++)
        assert_int_equal(strspn(table.rows[to].key, "0123456789"), 20); /* the order of text */
    assert_true(to - from > RECEIPTS_IN_BLOCK / 2);
    backwards.rows = calloc(table.count, sizeof *backwards.rows);
    assert_non_null(backwards.rows);
    memcpy(backwards.rows, table.rows, table.count * sizeof *backwards.rows);
    for (size_t i = from; i < to; i++)
        backwards.rows[i] = table.rows[from + to - 1 - i];
    assert_int_equal(load(hub, &backwards, why), 0);
    if (hub_recount(hub, why, sizeof why) < 0)
        fail_msg("%s", why);
    struct table again = saved(hub);
    assert_same(&table, &again);
    hub_free(hub);
    free(backwards.rows);
    table_free(&again);
    table_free(&table);
}

static void test_changes_add_up_to_the_whole(void **state)
{
    struct fixture *f = *state;
    struct table table = {NULL, 0};
    hub_keep_changes(fixture_hub(f));
    hub_save(fixture_hub(f), slice_of("main"), table_take, &table);
    fill(f);
    while (hub_save_changes(fixture_hub(f), slice_of("main"), 2, table_take, &table))
        ;
    table_sort(&table);
    struct table whole = saved(fixture_hub(f));
    assert_same(&whole, &table);
    size_t before = table.count;
    assert_int_equal(hub_save_changes(fixture_hub(f), slice_of("main"), 100, table_take, &table),
                     0);
    assert_int_equal(table.count, before); /* nothing new: the room's row alone */
    table_free(&whole);
    for (unsigned i = 0; i < FORMERS_EACH_MAX + 9; i++) { /* the oldest revisions go */
        say(f, BOB, "pattern_share", "{'pattern':{'id':'again','n':%u}}", i);
        if (i % 4 == 0)
            hub_save_changes(fixture_hub(f), slice_of("main"), SIZE_MAX, table_take, &table);
    }
    pass(f, 9000); /* one ban is over, and goes with the next */
    say(f, HAL, "moderation", "{'action':'unban','target':{'ai_id':'gone'}}");
    say(f, HAL, "moderation", "{'action':'ban','target':{'ai_id':'other'},'reason':'r'}");
    wait_ticking(f, SESSION_SILENT_MS + 2000); /* its session ends, and the workspace goes */
    fixture_let_in(f, NULL);
    join(f, 30, "jon", 2, "'sync':'none'"); /* and is nobody else's now */
    leave(f, 30);
    hub_save_changes(fixture_hub(f), slice_of("main"), SIZE_MAX, table_take, &table);
    table_sort(&table);
    whole = saved(fixture_hub(f));
    for (size_t i = 0; i < whole.count; i++)
        assert_int_not_equal(whole.rows[i].kind, ROW_HOLDING);
    assert_same(&whole, &table);
    assert_loads(f, &table);
    table_free(&whole);
    table_free(&table);
}

/* ── damage ── */

static void assert_damaged(struct fixture *f, const struct table *table, size_t at,
                           const char *bytes)
{
    char why[256];
    struct hub *hub = hub_beside(f);
    char *kept = table->rows[at].bytes;
    table->rows[at].bytes = strdup(bytes);
    if (load(hub, table, why) == 0)
        fail_msg("%s \"%s\" loads as %s", row_kind_text(table->rows[at].kind), table->rows[at].key,
                 bytes);
    assert_true(strlen(why) > 0);
    free(table->rows[at].bytes);
    table->rows[at].bytes = kept;
    hub_free(hub);
}

static void test_damage_is_said_and_breaks_nothing(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct table table = saved(fixture_hub(f));
    for (size_t i = 0; i < table.count; i++) {
        assert_damaged(f, &table, i, "");
        assert_damaged(f, &table, i, "{}");
        assert_damaged(f, &table, i, "[]");
        assert_damaged(f, &table, i, "{\"order\":-1,\"version\":\"x\",\"feature\":\"none\"}");
        /* cut anywhere it is no JSON */
        char *half = strndup(table.rows[i].bytes, strlen(table.rows[i].bytes) / 2);
        assert_damaged(f, &table, i, half);
        free(half);
    }
    table_free(&table);
}

/* Nothing is left of what was retracted. */
static void test_a_tombstone_with_something_left_is_damage(void **state)
{
    static const char *const left[][2] = {
        {"body", "{\"id\":1}"}, {"usage", "1"}, {"tested", "true"}, {"retracted", "{}"}};
    struct fixture *f = *state;
    fill(f);
    struct table table = saved(fixture_hub(f));
    size_t at = 0;
    while (!strstr(table.rows[at].bytes, "\"retracted\":{"))
        at++;
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        json_t *object = json_loads(table.rows[at].bytes, 0, NULL);
        json_object_set_new(object, left[i][0], json_loads(left[i][1], JSON_DECODE_ANY, NULL));
        char *bytes = json_dumps(object, JSON_COMPACT);
        assert_damaged(f, &table, at, bytes);
        free(bytes);
        json_decref(object);
    }
    table_free(&table);
}

static void test_a_room_that_is_read_only_loads(void **state)
{
    static const char *const half[] = {"7", "null", "{}", "{\"by\":\"\",\"reason\":\"r\"}",
                                       "{\"by\":\"b\",\"reason\":\"r\"}"};
    struct fixture *f = *state;
    fill(f);
    say(f, HAL, "moderation", "{'action':'read_only','reason':'r'}");
    struct table table = saved(fixture_hub(f));
    assert_int_equal(table.rows[0].kind, ROW_ROOM);
    assert_non_null(strstr(table.rows[0].bytes, "\"read_only\":{\"by\":\"hal\""));
    assert_loads(f, &table);
    json_t *object = json_loads(table.rows[0].bytes, 0, NULL);
    for (size_t i = 0; i < sizeof half / sizeof *half; i++) {
        json_object_set_new(object, "read_only", json_loads(half[i], JSON_DECODE_ANY, NULL));
        char *bytes = json_dumps(object, JSON_COMPACT);
        assert_damaged(f, &table, 0, bytes);
        free(bytes);
    }
    json_decref(object);
    table_free(&table);
}

/* An entry need not be a claim or retracted, nor a member an admin or expelled. An earlier hub's
 * receipts were not timed, nor the states of its sessions, nor was it known what its members were
 * given; and still earlier ones knew neither acks nor cursors, nor which entries are messages. */
static bool may_miss(const char *name)
{
    static const char *const names[] = {"claim",     "latest_ms", "changed_ms", "acks",  "cursor",
                                        "owner",     "ratio",     "revealed",   "admin", "expelled",
                                        "retracted", "said_from", "shared_at",  "reach", "spoke_ms",
                                        "nonces",    "sets"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Each member of each row, missing: damage, or nothing that a recount finds. */
static void test_a_missing_member_is_damage(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct table table = saved(fixture_hub(f));
    for (size_t i = 0; i < table.count; i++) {
        json_t *object = json_loads(table.rows[i].bytes, JSON_ALLOW_NUL, NULL);
        const char *name;
        json_t *value;
        assert_non_null(object);
        json_object_foreach(object, name, value)
        {
            json_t *less = json_copy(object);
            json_object_del(less, name);
            char *bytes = json_dumps(less, JSON_COMPACT);
            if (!may_miss(name))
                assert_damaged(f, &table, i, bytes);
            free(bytes);
            json_decref(less);
        }
        json_decref(object);
    }
    table_free(&table);
}

/* An earlier hub wrote a block's receipts in the order of their hashes, and no time. */
static void test_receipts_of_an_earlier_hub_load(void **state)
{
    struct fixture *f = *state;
    char why[256], text[128];
    fill(f);
    struct table table = saved(fixture_hub(f));
    struct kept *row = table.rows;
    while (row->kind != ROW_RECEIPTS)
        row++;
    json_t *object = json_loads(row->bytes, 0, NULL);
    const char *hex = string_of(object, "receipts");
    assert_int_equal(strlen(hex), 64);
    assert_true(integer_of(object, "latest_ms") > 0);
    snprintf(text, sizeof text, "{\"receipts\":\"%.32s%.32s\"}", hex + 32, hex);
    char *whole = row->bytes;
    row->bytes = text;
    struct hub *hub = hub_beside(f);
    assert_int_equal(load(hub, &table, why), 0);
    struct table again = saved(hub);
    json_decref(object);
    object = json_loads(again.rows[row - table.rows].bytes, 0, NULL);
    assert_non_null(strstr(whole, string_of(object, "receipts")));
    assert_int_equal(integer_of(object, "latest_ms"), 0);
    json_decref(object);
    row->bytes = whole;
    table_free(&again);
    table_free(&table);
    hub_free(hub);
}

/* An earlier hub did not keep which entries are messages: of those nothing is known. */
static void test_messages_of_an_earlier_hub(void **state)
{
    struct fixture *f = *state;
    char why[256];
    fill(f);
    struct table table = saved(fixture_hub(f));
    json_t *room = json_loads(table.rows[0].bytes, 0, NULL);
    json_int_t seq = integer_of(room, "seq");
    assert_int_equal(integer_of(room, "said_from"), 0);
    json_object_del(room, "said_from");
    free(table.rows[0].bytes);
    table.rows[0].bytes = json_dumps(room, JSON_COMPACT);
    json_decref(room);
    struct hub *hub = hub_beside(f);
    assert_int_equal(load(hub, &table, why), 0);
    struct table again = saved(hub);
    room = json_loads(again.rows[0].bytes, 0, NULL);
    assert_int_equal(integer_of(room, "said_from"), seq + 1);
    json_decref(room);
    table_free(&again);
    table_free(&table);
    hub_free(hub);
}

/* The row of a member, with `members` of JSON in front of what it says. */
static void add_to_member(struct table *table, const char *ai_id, const char *members)
{
    struct kept *row = table->rows;
    while (row->kind != ROW_MEMBER || strcmp(row->key, ai_id) != 0)
        row++;
    char *bytes = NULL;
    assert_true(asprintf(&bytes, "{%s,%s", members, row->bytes + 1) > 0);
    free(row->bytes);
    row->bytes = bytes;
}

static void test_the_owner_of_a_member_is_kept(void **state)
{
    struct fixture *f = *state;
    char why[256], members[WIRE_ID_MAX + 32];
    join_five(f);
    struct table table = saved(fixture_hub(f));
    add_to_member(&table, "bob", "\"owner\":\"alice\"");
    struct hub *hub = hub_beside(f);
    assert_int_equal(load(hub, &table, why), 0);
    struct text dump = {0};
    hub_dump(hub, slice_of("main"), &dump);
    text_add(&dump, (struct slice){"", 1});
    assert_non_null(strstr(dump.at, "\"owner\":\"alice\"")); /* of bob; who has none, is its own */
    assert_non_null(strstr(dump.at, "\"owner\":\"ada\""));
    assert_null(strstr(dump.at, "\"owner\":\"bob\""));
    text_free(&dump);
    struct table again = saved(hub);
    unsigned owners = 0;
    for (size_t i = 0; i < again.count; i++)
        owners += strstr(again.rows[i].bytes, "\"owner\":\"alice\"") != NULL;
    assert_int_equal(owners, 1);
    hub_free(hub);
    table_free(&again);
    snprintf(members, sizeof members, "\"owner\":\"%0*d\"", (int)WIRE_ID_MAX + 1, 0);
    add_to_member(&table, "ada", members);
    hub = hub_beside(f);
    assert_int_equal(load(hub, &table, why), -1);
    assert_non_null(strstr(why, "owner"));
    hub_free(hub);
    table_free(&table);
}

static void test_what_an_observer_sees_is_kept(void **state)
{
    struct fixture *f = *state;
    char why[256];
    join_five(f);
    struct table table = saved(fixture_hub(f));
    add_to_member(&table, "bob", "\"sees\":\"own\"");
    add_to_member(&table, "ada", "\"sees\":\"public\"");
    struct hub *hub = hub_beside(f);
    assert_int_equal(load(hub, &table, why), 0);
    struct text dump = {0};
    hub_dump(hub, slice_of("main"), &dump);
    text_add(&dump, (struct slice){"", 1});
    assert_non_null(strstr(dump.at, "\"sees\":\"own\""));
    assert_non_null(strstr(dump.at, "\"sees\":\"public\""));
    assert_non_null(strstr(dump.at, "\"sees\":\"all\"")); /* as those of an earlier hub */
    text_free(&dump);
    struct table again = saved(hub);
    unsigned kept = 0;
    for (size_t i = 0; i < again.count; i++)
        kept += strstr(again.rows[i].bytes, "\"sees\":\"own\"") != NULL ||
                strstr(again.rows[i].bytes, "\"sees\":\"public\"") != NULL;
    assert_int_equal(kept, 2);
    hub_free(hub);
    table_free(&again);
    add_to_member(&table, "cey", "\"sees\":\"much\"");
    hub = hub_beside(f);
    assert_int_equal(load(hub, &table, why), -1);
    assert_non_null(strstr(why, "sees"));
    hub_free(hub);
    table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROWS_TEST(test_the_owner_of_a_member_is_kept),
        ROWS_TEST(test_what_an_observer_sees_is_kept),
        ROWS_TEST(test_what_is_saved_loads_and_saves_the_same),
        ROWS_TEST(test_a_room_that_is_read_only_loads),
        ROWS_TEST(test_a_tombstone_with_something_left_is_damage),
        ROWS_TEST(test_what_was_said_loads_in_any_order),
        ROWS_TEST(test_changes_add_up_to_the_whole),
        ROWS_TEST(test_damage_is_said_and_breaks_nothing),
        ROWS_TEST(test_a_missing_member_is_damage),
        ROWS_TEST(test_receipts_of_an_earlier_hub_load),
        ROWS_TEST(test_messages_of_an_earlier_hub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
