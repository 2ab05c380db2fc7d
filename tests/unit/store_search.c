/* The index: what is put is found, in order of relevance, whatever happened to its file. */
#include "tests/unit/store_fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/search_inside.h"

/* An index in a folder of its own; what was found last, as text. */
struct shelf {
    char folder[OWN_FOLDER_SIZE];
    struct search_index *index;
    unsigned again, answers;
    uint64_t order;          /* of what was put last */
    struct query_place last; /* of what was found, its key in `key` */
    char key[16];
    char found[1024];
    uint64_t newest;
    bool more, failed;

    pthread_mutex_t mutex;
    pthread_cond_t woken;
    bool awake;
};

static int shelf_make(void **state)
{
    struct shelf *shelf = calloc(1, sizeof *shelf);
    assert_non_null(shelf);
    assert_int_equal(own_folder_make(shelf->folder), 0);
    pthread_mutex_init(&shelf->mutex, NULL);
    pthread_cond_init(&shelf->woken, NULL);
    *state = shelf;
    return 0;
}

static const char *path_of(const struct shelf *shelf, const char *file)
{
    static char path[OWN_FOLDER_SIZE + 32];
    snprintf(path, sizeof path, "%s/%s", shelf->folder, file);
    return path;
}

static int shelf_remove(void **state)
{
    struct shelf *shelf = *state;
    search_close(shelf->index);
    unlink(path_of(shelf, "search.db"));
    int left = rmdir(shelf->folder); /* a closed database has no other files */
    pthread_cond_destroy(&shelf->woken);
    pthread_mutex_destroy(&shelf->mutex);
    free(shelf);
    return left;
}

static void wake(void *ctx)
{
    struct shelf *shelf = ctx;
    pthread_mutex_lock(&shelf->mutex);
    shelf->awake = true;
    pthread_cond_signal(&shelf->woken);
    pthread_mutex_unlock(&shelf->mutex);
}

static void note_again(void *ctx)
{
    ((struct shelf *)ctx)->again++;
}

static void note_found(void *ctx, const struct search_wish *wish, const struct search_found *found)
{
    struct shelf *shelf = ctx;
    assert_int_equal(wish->asker, 7);
    shelf->answers++;
    shelf->newest = found->newest;
    shelf->more = found->more;
    shelf->failed = found->failed;
    shelf->found[0] = '\0';
    for (size_t i = 0; i < found->count; i++) {
        const struct search_hit *hit = &found->hits[i];
        size_t len = strlen(shelf->found);
        shelf->last = hit->place;
        snprintf(shelf->key, sizeof shelf->key, "%.*s", SLICE_FORMAT(hit->place.key));
        shelf->last.key = slice_of(shelf->key);
        snprintf(shelf->found + len, sizeof shelf->found - len, "%d/%.*s/%.*s ", hit->place.section,
                 SLICE_FORMAT(hit->place.key), SLICE_FORMAT(hit->snippet));
    }
}

/* Takes what comes back until one of them is as it is wanted. */
static void take_until(struct shelf *shelf, const unsigned *count, unsigned wanted)
{
    while (*count < wanted) {
        pthread_mutex_lock(&shelf->mutex);
        while (!shelf->awake)
            pthread_cond_wait(&shelf->woken, &shelf->mutex);
        shelf->awake = false;
        pthread_mutex_unlock(&shelf->mutex);
        search_take(shelf->index);
    }
}

static void shelf_open(struct shelf *shelf)
{
    struct search_options options = {shelf->folder, wake, note_again, note_found, shelf};
    assert_int_equal(search_open(&options, &shelf->index), 0);
    take_until(shelf, &shelf->again, shelf->again + 1);
}

static void shelf_close(struct shelf *shelf)
{
    search_close(shelf->index);
    shelf->index = NULL;
}

static void put(struct shelf *shelf, const char *room, int section, const char *key,
                const char *text)
{
    struct search_text entry = {.section = section,
                                .key = slice_of(key),
                                .contributor = SLICE("ada"),
                                .order = ++shelf->order,
                                .text = text ? slice_of(text) : (struct slice){NULL, 0}};
    search_put(shelf->index, slice_of(room), &entry);
}

static struct search_wish wish_of(const char *words)
{
    return (struct search_wish){.asker = 7,
                                .room = SLICE("main"),
                                .message_id = SLICE("m"),
                                .words = slice_of(words),
                                .section = SEARCH_ANYWHERE,
                                .order = QUERY_RELEVANCE,
                                .limit = 10};
}

static void find(struct shelf *shelf, const struct search_wish *wish)
{
    search_find(shelf->index, wish);
    take_until(shelf, &shelf->answers, shelf->answers + 1);
}

static void assert_finds(struct shelf *shelf, const char *words, const char *wanted)
{
    struct search_wish wish = wish_of(words);
    find(shelf, &wish);
    assert_false(shelf->failed);
    assert_string_equal(shelf->found, wanted);
}

static void begin_with_three(struct shelf *shelf)
{
    shelf_open(shelf);
    put(shelf, "main", 0, "p1", "a fair queue among many other words that stand around it here");
    put(shelf, "main", 1, "c1", "queue: fair, fair queue");
    put(shelf, "main", 3, "p1", "Fran\xC3\xA7ois: slow");
    put(shelf, "other", 0, "p1", "fair elsewhere");
    search_settle(shelf->index);
}

static void test_the_most_relevant_come_first(void **state)
{
    struct shelf *shelf = *state;
    begin_with_three(shelf);
    assert_finds(shelf, "fair",
                 "1/c1/[\"queue: \",\"fair\",\", \",\"fair\",\" queue\"] "
                 "0/p1/[\"a \",\"fair\",\" queue among many other words that stand around it "
                 "here\"] ");
    assert_finds(
        shelf, "\"fair queue\" other",
        "0/p1/[\"a \",\"fair queue\",\" among many \",\"other\",\" words that stand around "
        "it here\"] ");
    assert_finds(shelf, "francois", "3/p1/[\"Fran\xC3\xA7ois: slow\"] "); /* accents don't matter */
    assert_finds(shelf, "ada slo*", "3/p1/[\"Fran\xC3\xA7ois: \",\"slow\",\"\"] ");
    assert_finds(shelf, "p1 slow", "3/p1/[\"Fran\xC3\xA7ois: \",\"slow\",\"\"] "); /* id and text */
    assert_finds(shelf, "elsewhere", "");
    assert_finds(shelf, "fair NOT queue", "");
    assert_finds(shelf, "text:fair", ""); /* nothing is an operator */
    struct search_wish wish = wish_of("fair");
    wish.section = 0;
    find(shelf, &wish);
    assert_int_equal(strncmp(shelf->found, "0/p1/", 5), 0);
    wish.contributor = slice_of("bob");
    find(shelf, &wish);
    assert_string_equal(shelf->found, "");
    wish.room = slice_of("nowhere");
    find(shelf, &wish);
    assert_false(shelf->failed);
}

static void test_a_new_text_takes_the_place_of_the_old(void **state)
{
    struct shelf *shelf = *state;
    begin_with_three(shelf);
    put(shelf, "main", 1, "c1", "priorities");
    assert_finds(shelf, "queue fair many",
                 "0/p1/[\"a \",\"fair\",\" \",\"queue\",\" among "
                 "\",\"many\",\" other words that stand around it "
                 "here\"] ");
    assert_finds(shelf, "\"fair queue\" c1", "");
    assert_finds(shelf, "priorities", "1/c1/[\"\",\"priorities\",\"\"] ");
    put(shelf, "main", 1, "c1", NULL);
    put(shelf, "main", 1, "never", NULL);
    assert_finds(shelf, "priorities", "");
    put(shelf, "main", 1, "c1", "");
    assert_finds(shelf, "c1", "1/c1/[\"\"] ");
}

static void test_pages_hold_each_once(void **state)
{
    struct shelf *shelf = *state;
    shelf_open(shelf);
    char key[16], all[256] = "";
    for (unsigned i = 0; i < 25; i++) {
        snprintf(key, sizeof key, "k%u", i);
        put(shelf, "main", 0, key, "word");
    }
    struct search_wish wish = wish_of("word");
    for (wish.from = 0;; wish.from += 10) {
        find(shelf, &wish);
        for (char *at = shelf->found; (at = strchr(at, 'k')); at++)
            sscanf(at, "%15[^/]", all + strlen(all));
        if (!shelf->more)
            break;
        wish.newest = shelf->newest;
        snprintf(key, sizeof key, "late%u", (unsigned)wish.from);
        put(shelf, "main", 0, key, "word"); /* not there when it began */
    }
    assert_string_equal(all, "k24k23k22k21k20k19k18k17k16k15k14k13k12k11k10"
                             "k9k8k7k6k5k4k3k2k1k0");
    assert_int_equal(wish.from, 20);
}

static void put_of(struct shelf *shelf, int section, const char *key, const char *subject,
                   uint64_t order)
{
    struct search_text entry = {.section = section,
                                .key = slice_of(key),
                                .contributor = SLICE("ada"),
                                .subject = slice_of(subject),
                                .order = order,
                                .text = SLICE("word")};
    search_put(shelf->index, slice_of("main"), &entry);
}

/* The ids of all pages of two. */
static void assert_order(struct shelf *shelf, struct search_wish wish, const char *wanted)
{
    char all[256] = "";
    wish.limit = 2;
    do {
        find(shelf, &wish);
        assert_false(shelf->failed);
        for (char *at = shelf->found; (at = strchr(at, '/')); at = strchr(at, ' ')) {
            size_t len = strlen(all);
            snprintf(all + len, sizeof all - len, "%.*s ", (int)strcspn(at + 1, "/"), at + 1);
        }
        wish.goes_on = true;
        wish.place = shelf->last;
    } while (shelf->more);
    assert_string_equal(all, wanted);
}

static void test_orders_are_those_of_the_entries(void **state)
{
    struct shelf *shelf = *state;
    struct search_wish wish = wish_of("word");
    shelf_open(shelf);
    put_of(shelf, 1, "m", "", 1);
    put_of(shelf, 0, "z", "audio", 2);
    put_of(shelf, 0, "b", "audio", 3);
    put_of(shelf, 0, "a", "graphics", 4);
    put_of(shelf, 2, "c", "audio", 5);
    put_of(shelf, 0, "z", "audio", 6); /* the same text, changed */
    wish.order = QUERY_NEWEST;
    assert_order(shelf, wish, "z c a b m ");
    wish.order = QUERY_OLDEST;
    assert_order(shelf, wish, "m b a c z ");
    wish.order = QUERY_ID;
    assert_order(shelf, wish, "a b z m c ");
    wish.subject = slice_of("audio");
    assert_order(shelf, wish, "b z c ");
    wish.since = 3;
    assert_order(shelf, wish, "z c ");
    put_of(shelf, 2, "c", "graphics", 5); /* the same words, and of another subject */
    assert_order(shelf, wish, "z ");
    wish.order = QUERY_RELEVANCE;
    wish.since = 0;
    find(shelf, &wish);
    assert_string_equal(shelf->found, "0/b/[\"\",\"word\",\"\"] 0/z/[\"\",\"word\",\"\"] ");
}

static void test_what_is_not_put_again_is_not_there(void **state)
{
    struct shelf *shelf = *state;
    begin_with_three(shelf);
    shelf_close(shelf);
    struct stat status;
    assert_int_equal(stat(path_of(shelf, "search.db"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    shelf_open(shelf);
    put(shelf, "main", 1, "c1", "queue: fair, fair queue");
    put(shelf, "main", 0, "p2", "fair");
    assert_finds(shelf, "fair elsewhere", ""); /* the other room's is still there, and not seen */
    search_settle(shelf->index);
    assert_finds(
        shelf, "fair",
        "1/c1/[\"queue: \",\"fair\",\", \",\"fair\",\" queue\"] 0/p2/[\"\",\"fair\",\"\"] ");
    struct search_wish wish = wish_of("fair");
    wish.room = slice_of("other");
    find(shelf, &wish);
    assert_string_equal(shelf->found, "");
}

/* Is it all put again, and found then? */
static void assert_made_anew(struct shelf *shelf)
{
    shelf->again = 0;
    shelf_open(shelf);
    put(shelf, "main", 0, "p1", "anew");
    search_settle(shelf->index);
    assert_finds(shelf, "anew", "0/p1/[\"\",\"anew\",\"\"] ");
    assert_finds(shelf, "fair", "");
    shelf_close(shelf);
}

static void write_file(const struct shelf *shelf, const char *bytes)
{
    FILE *file = fopen(path_of(shelf, "search.db"), "w");
    assert_non_null(file);
    fputs(bytes, file);
    fclose(file);
}

static void run_sql(const struct shelf *shelf, const char *sql)
{
    sqlite3 *handle;
    assert_int_equal(sqlite3_open(path_of(shelf, "search.db"), &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
}

static void test_a_file_that_is_none_is_made_anew(void **state)
{
    static const char *const others[] = {"PRAGMA user_version = 1000", "PRAGMA user_version = 0",
                                         "DROP TABLE documents"};
    struct shelf *shelf = *state;
    write_file(shelf, "this is no database, and is longer than the head of one would be, by far: "
                      "it goes on, and on, until it is over a hundred bytes");
    assert_made_anew(shelf);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        begin_with_three(shelf);
        shelf_close(shelf);
        run_sql(shelf, others[i]);
        assert_made_anew(shelf);
    }
}

static void test_damage_that_shows_later_is_mended(void **state)
{
    struct shelf *shelf = *state;
    begin_with_three(shelf);
    shelf_close(shelf);
    run_sql(shelf, "DELETE FROM words_1_data WHERE id > 10");
    shelf->again = 0;
    shelf_open(shelf);
    struct search_wish wish = wish_of("fair");
    find(shelf, &wish); /* before it has settled */
    assert_true(shelf->failed || shelf->again == 1);
    take_until(shelf, &shelf->again, 2);
    put(shelf, "main", 0, "p1", "fair again");
    search_settle(shelf->index);
    assert_finds(shelf, "fair", "0/p1/[\"\",\"fair\",\" again\"] ");
}

/* One that can't be opened just now is not damaged. No more files stand for a disk without room for
 * the log that is made beside it. */
static void test_a_good_file_stays_when_there_is_no_room(void **state)
{
    struct shelf *shelf = *state;
    struct search_file file = {0};
    struct rlimit before;
    struct stat old, now;
    char why[STORE_WHY_SIZE] = "";
    begin_with_three(shelf);
    search_close(shelf->index);
    shelf->index = NULL;
    assert_int_equal(stat(path_of(shelf, "search.db"), &old), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = dup(0);
    close(next);
    struct rlimit one_more = {(rlim_t)next + 1, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &one_more), 0);
    int opened = search_file_open(&file, shelf->folder, why);
    search_file_close(&file);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(opened, -1);
    assert_non_null(strstr(why, "unable to open"));
    assert_int_equal(stat(path_of(shelf, "search.db"), &now), 0);
    assert_int_equal(now.st_ino, old.st_ino);
    assert_int_equal(search_file_open(&file, shelf->folder, why), 0);
    assert_int_equal(search_file_number(&file, "SELECT count(*) FROM documents"), 4);
    search_file_close(&file);
}

static void test_a_check_compares(void **state)
{
    struct shelf *shelf = *state;
    struct search_report report;
    search_check_end(search_check_begin(shelf->folder), &report);
    assert_false(report.there);
    begin_with_three(shelf);
    shelf_close(shelf);
    struct search_text same = {.section = 1,
                               .order = 2,
                               .key = SLICE("c1"),
                               .contributor = SLICE("ada"),
                               .text = SLICE("queue: fair, fair queue")};
    struct search_text other = {
        .key = SLICE("p1"), .contributor = SLICE("ada"), .text = SLICE("a fair queue")};
    struct search_check *check = search_check_begin(shelf->folder);
    search_check_text(check, slice_of("main"), &same);
    search_check_text(check, slice_of("main"), &other);
    search_check_end(check, &report);
    assert_true(report.there && report.whole);
    assert_int_equal(report.entries, 4);
    assert_int_equal(report.behind, 3); /* one is another, two are not the hub's */
    run_sql(shelf, "UPDATE words_1_content SET c2 = 'something else'");
    search_check_end(search_check_begin(shelf->folder), &report);
    assert_true(report.there && !report.whole);
}

/* Whatever the umask: no mode is ever put right afterwards. */
static void test_its_files_are_its_owners_from_the_first_instant(void **state)
{
    struct shelf *shelf = *state;
    _Alignas(struct inotify_event) char events[4096];
    bool made = false;
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    assert_true(watch >= 0 && inotify_add_watch(watch, shelf->folder, IN_CREATE | IN_ATTRIB) >= 0);
    mode_t before = umask(0777);
    begin_with_three(shelf);
    assert_finds(shelf, "elsewhere", ""); /* all that was put is written by then */
    mode_t during = umask(before);
    ssize_t len;
    while ((len = read(watch, events, sizeof events)) > 0)
        for (char *at = events; at < events + len;) {
            const struct inotify_event *event = (const struct inotify_event *)at;
            bool itself = strcmp(event->name, "search.db") == 0; /* SQLite owns the others */
            if (itself && event->mask & IN_ATTRIB)
                fail_msg("search.db was made, and then its mode was changed");
            made = made || itself;
            at += sizeof *event + event->len;
        }
    close(watch);
    struct stat status;
    assert_int_equal(stat(path_of(shelf, "search.db"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(during, 0777); /* the process has kept its own */
    assert_true(made);
}

int main(void)
{
#define SHELF_TEST(name) cmocka_unit_test_setup_teardown(name, shelf_make, shelf_remove)
    const struct CMUnitTest tests[] = {
        SHELF_TEST(test_the_most_relevant_come_first),
        SHELF_TEST(test_a_new_text_takes_the_place_of_the_old),
        SHELF_TEST(test_pages_hold_each_once),
        SHELF_TEST(test_orders_are_those_of_the_entries),
        SHELF_TEST(test_what_is_not_put_again_is_not_there),
        SHELF_TEST(test_a_file_that_is_none_is_made_anew),
        SHELF_TEST(test_damage_that_shows_later_is_mended),
        SHELF_TEST(test_a_good_file_stays_when_there_is_no_room),
        SHELF_TEST(test_a_check_compares),
        SHELF_TEST(test_its_files_are_its_owners_from_the_first_instant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
