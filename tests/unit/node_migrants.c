/* What comes over from other rooms: when, which of it, under which name, and that it is run like
 * all else, and told to nobody. */
#include "node_fixture.h"

#include <stdio.h>
#include <string.h>

#define EVERY 100u

static const char *const rooms[] = {"lab", "attic"};

static struct node *node_migrating(void)
{
    static struct trainer_options options;
    struct node *node = node_make();
    options = *node->options;
    options.migrant_rooms = rooms;
    options.migrant_room_count = 2;
    options.migrate_every = EVERY;
    node->options = &options;
    assert_int_equal(migrants_begin(node), 0);
    return node;
}

static json_t *claim_in_ledger(const char *id, const char *author, const char *kind,
                               double ratio_own)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:{s:s,s:s,s:[{s:s,s:b,s:f}]}}", "section",
                     strcmp(kind, "module") == 0 ? "collective_features" : "shared_patterns", "id",
                     id, "author", author, "subject", "process_manager", "subject_version", "1",
                     "verification", "status", "confirmed", "kind", kind, "verifiers", "ai_id",
                     "eve", "agrees", 1, "ratio_own", ratio_own);
}

static void answered(struct node *node, const char *type, json_t *payload)
{
    json_object_set_new(payload, "in_reply_to", json_string(said[said_count - 1].message_id));
    migrants_message(node, type, payload);
    json_decref(payload);
}

/* Enough was spent: the next room is looked into, as an observer that has joined there. */
static void look(struct node *node)
{
    size_t before = said_of("ledger_query");
    node->standing.spent += EVERY;
    migrants_tick(node);
    migrants_joined(node);
    assert_int_equal(said_of("ledger_query"), before + 1);
    const json_t *query = said_last("ledger_query")->payload;
    assert_string_equal(payload_string(query, "status", 16), "confirmed");
    assert_string_equal(payload_string(query, "subject", 64), "process_manager");
}

/* The hub's word on what was asked for last. */
static void fetched(struct node *node, const char *author, const char *status)
{
    const json_t *query = said_last("knowledge_query")->payload;
    const char *section = payload_string(query, "section", 64);
    const char *id = payload_string(query, "id", 64);
    const char *kind = strcmp(section, "shared_patterns") == 0 ? "pattern" : "component";
    answered(node, "knowledge_result",
             json_pack("{s:{s:{s:{s:{s:s},s:s,s:{s:s,s:f}}}}}", "entries", section, id, kind,
                       "name", "x", "contributor", author, "verification", "status", status,
                       "ratio", 0.5));
    work(node);
    migrants_tick(node); /* the look is over */
}

static void test_the_best_comes_over_when_enough_was_spent(void **state)
{
    (void)state;
    struct node *node = node_migrating();
    node->standing.spent = EVERY - 1;
    migrants_tick(node);
    migrants_joined(node);
    assert_int_equal(said_of("ledger_query"), 0);
    node->standing.spent = 0;
    look(node);
    json_t *claims = json_array();
    json_array_append_new(claims, claim_in_ledger("good", "bob", "parameters", 0.7));
    json_t *best = claim_in_ledger("bob_best_1", "bob", "module", 0.6);
    json_object_set_new(best, "own_id", json_string("best"));
    json_array_append_new(claims, best);
    answered(node, "ledger_result", json_pack("{s:o,s:i}", "claims", claims, "next", 17));
    /* The next page: what is no better; of another simulator; a component that its pattern stands
     * for; refuted since; of nobody. */
    assert_int_equal(said_of("ledger_query"), 2);
    assert_int_equal(
        json_integer_value(json_object_get(said_last("ledger_query")->payload, "after")), 17);
    claims = json_array();
    json_array_append_new(claims, claim_in_ledger("worse", "cyd", "module", 0.65));
    const struct {
        const char *name, *value;
    } lies[] = {
        {"subject_version", "2"}, {"section", "collective_features"}, {"author", ""}, {"id", ""}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        json_t *claim = claim_in_ledger("lie", "cyd", "parameters", 0.1);
        json_object_set_new(claim, lies[i].name, json_string(lies[i].value));
        json_array_append_new(claims, claim);
    }
    json_t *refuted = claim_in_ledger("lie", "cyd", "parameters", 0.1);
    json_object_set_new(json_object_get(refuted, "verification"), "status", json_string("refuted"));
    json_array_append_new(claims, refuted);
    answered(node, "ledger_result", json_pack("{s:o,s:n}", "claims", claims, "next"));
    assert_int_equal(said_of("knowledge_query"), 1);
    fetched(node, "bob", "confirmed");
    assert_string_equal(calls.order, "best ");
    assert_int_equal(calls.taken, 1);
    assert_int_equal(node->count.migrants_checked, 1);
    assert_int_equal(node->count.migrants_taken_in, 1);
    assert_int_equal(node->count.components_checked, 0);
    assert_int_equal(heard_of("Integrated shared component best from bob@lab"), 1);
    /* Nobody in this room has such a claim. */
    assert_int_equal(said_of("performance_report"), 0);
    /* And not again before as much was spent once more. */
    node->standing.spent += EVERY - 1;
    migrants_tick(node);
    migrants_joined(node);
    assert_int_equal(said_of("ledger_query"), 2);
    node_unmake(node);
}

/* Each room has its turn; what was taken is not taken again, and the next best is. */
static void test_rooms_take_turns(void **state)
{
    (void)state;
    static const char *const taken[] = {"one ", "one one ", "one one two "};
    struct node *node = node_migrating();
    for (size_t i = 0; i < 4; i++) {
        look(node);
        json_t *claims = json_array();
        json_array_append_new(claims, claim_in_ledger("two", "cyd", "parameters", 0.7));
        json_array_append_new(claims, claim_in_ledger("one", "bob", "parameters", 0.6));
        if (i == 3) { /* in the attic again, where it has all */
            json_array_remove(claims, 0);
            answered(node, "ledger_result", json_pack("{s:o,s:n}", "claims", claims, "next"));
            assert_int_equal(said_of("knowledge_query"), 3);
            break;
        }
        answered(node, "ledger_result", json_pack("{s:o,s:n}", "claims", claims, "next"));
        fetched(node, i == 2 ? "cyd" : "bob", "confirmed");
        assert_string_equal(calls.order, taken[i]);
    }
    assert_int_equal(heard_of("Integrated shared pattern one from bob@lab"), 1);
    assert_int_equal(heard_of("Integrated shared pattern one from bob@attic"), 1);
    assert_int_equal(heard_of("Integrated shared pattern two from cyd@lab"), 1);
    assert_int_equal(node->count.patterns_checked, 0);
    node_unmake(node);
}

/* What is refuted by the time that it is fetched stays where it is; a room that is closed to this
 * AI is told of once, until it is open. */
static void test_what_does_not_come_over(void **state)
{
    (void)state;
    struct node *node = node_migrating();
    look(node);
    answered(
        node, "ledger_result",
        json_pack("{s:[o],s:n}", "claims", claim_in_ledger("p", "bob", "parameters", 0.7), "next"));
    fetched(node, "bob", "contested");
    assert_int_equal(calls.checked, 0);
    for (size_t i = 0; i < 3; i++) {
        look(node); /* the attic, the lab, the attic */
        json_t *answer = i == 1 ? json_pack("{s:[],s:n}", "claims", "next")
                                : json_pack("{s:s,s:s}", "code", "forbidden", "detail", "not you");
        answered(node, i == 1 ? "ledger_result" : "error", answer);
        migrants_tick(node);
    }
    assert_int_equal(heard_of("No migrants from room attic: not you"), 1);
    assert_int_equal(heard_of("No migrants"), 1);
    node_unmake(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_best_comes_over_when_enough_was_spent),
        cmocka_unit_test(test_rooms_take_turns),
        cmocka_unit_test(test_what_does_not_come_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
