/* audit.db: what is noted stands in it, in order, and stays; what floods is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/audit.h"
#include "own_folder.h"
#include "wire/text.h"

#define NOW        1795334400000
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

struct place {
    char folder[OWN_FOLDER_SIZE], path[OWN_FOLDER_SIZE + 16];
    struct audit *audit;
    struct text told; /* what is in it, a row a line */
    char why[AUDIT_WHY_SIZE];
};

static void begin(struct place *place)
{
    assert_int_equal(audit_open(place->folder, &place->audit), 0);
}

static int end(struct place *place)
{
    struct audit *audit = place->audit;
    place->audit = NULL;
    return audit_close(audit);
}

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_int_equal(own_folder_make(place->folder), 0);
    snprintf(place->path, sizeof place->path, "%s/audit.db", place->folder);
    begin(place);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    end(place);
    unlink(place->path);
    rmdir(place->path); /* of one test a folder */
    rmdir(place->folder);
    text_free(&place->told);
    free(place);
    return 0;
}

static void tell(void *ctx, const struct audit_note *note)
{
    text_addf(ctx, "%lld %s%s token=%.*s ai=%.*s room=%.*s from=%.*s %.*s x%llu\n",
              (long long)(note->time_ms - NOW), note->act ? "!" : "", note->what,
              SLICE_FORMAT(note->token), SLICE_FORMAT(note->ai_id), SLICE_FORMAT(note->room),
              SLICE_FORMAT(note->from), SLICE_FORMAT(note->detail),
              (unsigned long long)note->times);
}

/* What stands in the audit, once all that was noted is written. */
static const char *told_of(struct place *place, const struct audit_filter *filter)
{
    text_clear(&place->told);
    if (audit_each(place->folder, filter, tell, &place->told, place->why) < 0)
        fail_msg("%s", place->why);
    text_add(&place->told, (struct slice){"", 1});
    return place->told.at;
}

static const char *told(struct place *place)
{
    const struct audit_filter all = {.since_ms = INT64_MIN, .until_ms = INT64_MAX};
    assert_int_equal(end(place), 0);
    return told_of(place, &all);
}

static struct audit_note note_of(const char *what, const char *token, const char *ai_id)
{
    return (struct audit_note){.time_ms = NOW,
                               .what = what,
                               .token = slice_of(token),
                               .ai_id = slice_of(ai_id),
                               .room = slice_of("main"),
                               .from = slice_of("10.0.0.1"),
                               .detail = slice_of("")};
}

static void test_what_is_noted_is_there_and_nobody_elses(void **state)
{
    struct place *place = *state;
    struct stat found;
    struct audit_note login = note_of("login", "ada", "ada-1"),
                      kick = note_of("kicked", "root", "r");
    kick.act = true;
    kick.time_ms = NOW + 5;
    kick.detail = slice_of("ada-1: too loud");
    audit_note(place->audit, &login);
    audit_note(place->audit, &kick);
    assert_string_equal(told(place),
                        "0 login token=ada ai=ada-1 room=main from=10.0.0.1  x1\n"
                        "5 !kicked token=root ai=r room=main from=10.0.0.1 ada-1: too loud x1\n");
    assert_int_equal(stat(place->path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    begin(place);
    audit_note(place->audit, &login);
    audit_note(NULL, &login);
    assert_string_equal(told(place),
                        "0 login token=ada ai=ada-1 room=main from=10.0.0.1  x1\n"
                        "5 !kicked token=root ai=r room=main from=10.0.0.1 ada-1: too loud x1\n"
                        "0 login token=ada ai=ada-1 room=main from=10.0.0.1  x1\n");
}

static void test_a_hub_without_notes_makes_no_file(void **state)
{
    struct place *place = *state;
    assert_string_equal(told(place), "");
    assert_int_not_equal(access(place->path, F_OK), 0);
}

static void test_one_asks_by_time_token_and_id(void **state)
{
    struct place *place = *state;
    struct audit_filter filter = {.since_ms = NOW, .until_ms = NOW + 1, .token = "bea"};
    for (int i = -1; i < 4; i++) {
        struct audit_note note = note_of("login", i == 1 ? "ada" : "bea", i == 2 ? "x" : "y");
        note.time_ms = NOW + i;
        audit_note(place->audit, &note);
    }
    assert_int_equal(end(place), 0);
    assert_string_equal(told_of(place, &filter),
                        "0 login token=bea ai=y room=main from=10.0.0.1  x1\n");
    filter = (struct audit_filter){.since_ms = INT64_MIN, .until_ms = INT64_MAX, .ai_id = "x"};
    assert_string_equal(told_of(place, &filter),
                        "2 login token=bea ai=x room=main from=10.0.0.1  x1\n");
}

static void test_what_is_alike_is_one_row_a_minute(void **state)
{
    struct place *place = *state;
    struct audit_note bad = note_of("refused", "", ""), worse = bad;
    worse.from = slice_of("10.0.0.2");
    for (int i = 0; i < 100000; i++) {
        bad.time_ms = NOW + i / 10;
        audit_count(place->audit, &bad);
    }
    audit_count(place->audit, &worse);
    audit_turn(place->audit, NOW + 60000); /* not over yet: it began then */
    bad.time_ms = NOW + 60000;
    audit_count(place->audit, &bad);
    audit_turn(place->audit, NOW + 60001);
    bad.time_ms = NOW + 60001;
    audit_count(place->audit, &bad);
    assert_string_equal(told(place), "0 refused token= ai= room=main from=10.0.0.1  x1\n"
                                     "0 refused token= ai= room=main from=10.0.0.2  x1\n"
                                     "0 refused token= ai= room=main from=10.0.0.1  x100000\n"
                                     "60001 refused token= ai= room=main from=10.0.0.1  x1\n");
}

static void test_what_is_unlike_has_a_bound(void **state)
{
    struct place *place = *state;
    char from[32];
    for (unsigned i = 0; i < 100000; i++) {
        struct audit_note bad = note_of("refused", "", "");
        snprintf(from, sizeof from, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        bad.from = slice_of(from);
        audit_count(place->audit, &bad);
    }
    const char *text = told(place), *last = text;
    size_t rows = 0;
    for (const char *at = text; *at; at++) {
        rows += *at == '\n';
        last = *at == '\n' && at[1] ? at + 1 : last;
    }
    assert_int_equal(rows, AUDIT_COUNTS_MAX + 2);
    assert_string_equal(last, "0 refused token= ai= room= from= of too many to name x99743\n");
}

static void test_what_finds_no_room_is_counted_and_acts_have_their_own(void **state)
{
    struct place *place = *state;
    struct audit_note login = note_of("login", "ada", "a"), kick = note_of("kicked", "root", "r");
    kick.act = true;
    mkdir(place->path, 0700); /* so nothing can be written */
    for (unsigned i = 0; i < AUDIT_WAITING_MAX + 7; i++)
        audit_note(place->audit, &login);
    audit_note(place->audit, &kick);
    while (!audit_failure(place->audit))
        usleep(1000);
    assert_non_null(strstr(audit_failure(place->audit), place->path));
    rmdir(place->path);
    const char *text = told(place);
    assert_non_null(strstr(text, "\n0 !kicked token=root ai=r"));
    assert_non_null(strstr(text, " missing token= ai= room= from= too many at once: these are in "
                                 "no row x7\n"));
}

static void test_what_could_not_be_written_at_the_end_is_said(void **state)
{
    struct place *place = *state;
    struct audit_note login = note_of("login", "ada", "a");
    mkdir(place->path, 0700);
    audit_note(place->audit, &login);
    assert_int_equal(end(place), -1);
}

static int execute(struct place *place, const char *sql)
{
    sqlite3 *other;
    assert_int_equal(sqlite3_open(place->path, &other), SQLITE_OK);
    int result = sqlite3_exec(other, sql, NULL, NULL, NULL);
    sqlite3_close(other);
    return result;
}

static void test_nothing_is_changed_or_taken_away(void **state)
{
    struct place *place = *state;
    struct audit_note login = note_of("login", "ada", "a");
    audit_note(place->audit, &login);
    assert_int_equal(end(place), 0);
    assert_int_equal(execute(place, "DELETE FROM audit"), SQLITE_CONSTRAINT);
    assert_int_equal(execute(place, "UPDATE audit SET token = 'x'"), SQLITE_CONSTRAINT);
    assert_non_null(strstr(told(place), "login token=ada"));
}

static void test_of_accesses_the_last_stay_and_acts_for_good(void **state)
{
    struct place *place = *state;
    struct audit_note login = note_of("login", "ada", "new"), kick = note_of("kicked", "root", "r");
    const struct audit_filter old = {.since_ms = INT64_MIN, .until_ms = INT64_MAX, .ai_id = "old"};
    char sql[512];
    kick.act = true;
    audit_note(place->audit, &kick);
    assert_int_equal(end(place), 0);
    snprintf(sql, sizeof sql,
             "INSERT INTO audit (time, what, act, token, ai, room, origin, detail, times)"
             " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             " SELECT %lld + i, 'login', 0, '', CASE WHEN i < 4 THEN 'old' ELSE '' END, '', '', '',"
             " 1 FROM n",
             AUDIT_ACCESSES_KEPT, (long long)NOW);
    assert_int_equal(execute(place, sql), SQLITE_OK);
    assert_string_equal(told_of(place, &old), "1 login token= ai=old room= from=  x1\n"
                                              "2 login token= ai=old room= from=  x1\n"
                                              "3 login token= ai=old room= from=  x1\n");
    begin(place);
    audit_note(place->audit, &login);
    audit_note(place->audit, &login);
    assert_int_equal(end(place), 0);
    assert_string_equal(told_of(place, &old), "3 login token= ai=old room= from=  x1\n");
    const struct audit_filter acts = {.since_ms = NOW, .until_ms = NOW};
    assert_string_equal(told_of(place, &acts),
                        "0 !kicked token=root ai=r room=main from=10.0.0.1  x1\n"
                        "0 login token=ada ai=new room=main from=10.0.0.1  x1\n"
                        "0 login token=ada ai=new room=main from=10.0.0.1  x1\n");
    assert_int_equal(execute(place, "DELETE FROM audit WHERE act = 1"), SQLITE_CONSTRAINT);
}

static void test_a_file_of_others_is_refused(void **state)
{
    struct place *place = *state;
    struct audit_filter all = {.since_ms = INT64_MIN, .until_ms = INT64_MAX};
    assert_int_equal(execute(place, "PRAGMA user_version = 1"), SQLITE_OK);
    assert_int_equal(audit_each(place->folder, &all, tell, &place->told, place->why), -1);
    assert_string_equal(place->why, "audit.db is of another program");
    assert_int_equal(execute(place, "PRAGMA application_id = 0x6b687561; PRAGMA user_version = 99"),
                     SQLITE_OK);
    assert_int_equal(audit_each(place->folder, &all, tell, &place->told, place->why), -1);
    assert_string_equal(place->why, "audit.db is of a later version of khub");
}

static void test_texts_are_cut_between_characters(void **state)
{
    struct place *place = *state;
    struct text long_text = {0};
    struct audit_note note = note_of("loop", "", "");
    text_add_literal(&long_text, "x");
    for (unsigned i = 0; i < AUDIT_TEXT_MAX; i++)
        text_add_literal(&long_text, "ü");
    note.detail = text_slice(&long_text);
    audit_note(place->audit, &note);
    const char *text = strstr(told(place), "xü");
    assert_non_null(text);
    assert_int_equal(strcspn(text, " "), AUDIT_TEXT_MAX - 1);
    text_free(&long_text);
}

static size_t make_up(struct place *place, const struct audit_note *acts, size_t count)
{
    size_t noted = 99;
    if (audit_make_up(place->audit, place->folder, acts, count, &noted, place->why) < 0)
        fail_msg("%s", place->why);
    return noted;
}

/* Where it came from is not known any more; and of two that are alike one may be there. */
static void test_what_a_crash_kept_from_it_is_made_up_for_once(void **state)
{
    struct place *place = *state;
    struct text long_text = {0};
    struct audit_note acts[4] = {note_of("kick", "root", "r"), note_of("ban", "root", "r"),
                                 note_of("ban", "root", "r"), note_of("retract", "root", "r")};
    for (unsigned i = 0; i < AUDIT_TEXT_MAX + 9; i++)
        text_add_literal(&long_text, "x");
    acts[0].detail = text_slice(&long_text);
    for (size_t i = 0; i < 4; i++)
        acts[i].act = true;
    acts[3].time_ms = NOW + 7;
    assert_int_equal(make_up(place, acts, 0), 0);
    audit_note(place->audit, &acts[0]);
    audit_note(place->audit, &acts[1]);
    struct audit_note login = note_of("retract", "root", "r"); /* no act, and so another thing */
    login.time_ms = NOW + 7;
    audit_note(place->audit, &login);
    assert_int_equal(end(place), 0);
    begin(place);
    for (size_t i = 0; i < 4; i++)
        acts[i].from = slice_of("");
    assert_int_equal(make_up(place, acts, 4), 2);
    const char *all = told(place);
    assert_non_null(strstr(all, "\n0 !ban token=root ai=r room=main from=  x1\n"
                                "7 !retract token=root ai=r room=main from=  x1\n"));
    begin(place);
    assert_int_equal(make_up(place, acts, 4), 0);
    text_free(&long_text);
}

static void test_an_act_is_owed_until_it_is_written(void **state)
{
    struct place *place = *state;
    struct audit_note note = note_of("login", "root", "r");
    assert_false(audit_owes(place->audit));
    audit_note(place->audit, &note);
    assert_false(audit_owes(place->audit));
    note.act = true;
    for (unsigned i = 0; i < 3; i++) {
        audit_note(place->audit, &note);
        while (audit_owes(place->audit))
            usleep(1000);
        const struct audit_filter all = {.since_ms = INT64_MIN, .until_ms = INT64_MAX};
        const char *at = told_of(place, &all);
        for (unsigned acts = 0; acts <= i; acts++, at++)
            assert_non_null(at = strstr(at, "!login"));
    }
    assert_false(audit_owes(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_noted_is_there_and_nobody_elses),
        TEST(test_a_hub_without_notes_makes_no_file),
        TEST(test_one_asks_by_time_token_and_id),
        TEST(test_what_is_alike_is_one_row_a_minute),
        TEST(test_what_is_unlike_has_a_bound),
        TEST(test_what_finds_no_room_is_counted_and_acts_have_their_own),
        TEST(test_what_could_not_be_written_at_the_end_is_said),
        TEST(test_nothing_is_changed_or_taken_away),
        TEST(test_of_accesses_the_last_stay_and_acts_for_good),
        TEST(test_a_file_of_others_is_refused),
        TEST(test_texts_are_cut_between_characters),
        TEST(test_what_a_crash_kept_from_it_is_made_up_for_once),
        TEST(test_an_act_is_owed_until_it_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
