/* The index of a directory, held against what a hub made from its store knows. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "store/search_inside.h"

struct search_check {
    struct search_file file;
    struct search_report report;
    uint64_t right;
};

/* It can't be opened. */
static void explain(struct search_check *check)
{
    sqlite3 *handle = check->file.handle;
    int code = sqlite3_errcode(handle) & 0xff, number = sqlite3_system_errno(handle);
    bool others = code == SQLITE_FULL || code == SQLITE_CANTOPEN || code == SQLITE_BUSY ||
                  code == SQLITE_NOMEM || code == SQLITE_READONLY;
    if (others)
        snprintf(check->report.why, sizeof check->report.why, "%s%s%s", sqlite3_errmsg(handle),
                 number ? ": " : "", number ? strerror(number) : "");
    else
        check->report.other = search_file_is_other(&check->file);
}

struct search_check *search_check_begin(const char *directory)
{
    struct search_check *check = memory_new(sizeof *check);
    char path[4096];
    check->report.there =
        snprintf(path, sizeof path, "%s/search.db", directory) < (int)sizeof path &&
        access(path, F_OK) == 0;
    check->report.whole =
        check->report.there && search_file_open_as_is(&check->file, directory) == 0;
    if (check->report.there && !check->report.whole)
        explain(check);
    return check;
}

void search_check_text(struct search_check *check, struct slice room,
                       const struct search_text *text)
{
    int same = check->report.whole ? search_file_compare(&check->file, room, text) : 0;
    check->report.whole = check->report.whole && same >= 0;
    if (same > 0)
        check->right++;
    else
        check->report.behind++;
}

void search_check_end(struct search_check *check, struct search_report *ret_report)
{
    struct search_report *report = &check->report;
    int64_t entries = 0;
    report->whole = report->whole && search_file_whole(&check->file, &entries) == 0;
    report->entries = (uint64_t)entries;
    if (report->entries > check->right + report->behind)
        report->behind = report->entries - check->right;
    *ret_report = *report;
    search_file_close(&check->file);
    free(check);
}
