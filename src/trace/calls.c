/* Sequences of system calls: ADFA-LD (Creech, Hu 2013). Each file of the archive is one, the
 * numbers of its calls parted by blanks; its folder says what it is. */
#include "trace/calls.h"

#include <string.h>

#include "policy/trace.h"

/* Of reading->state: how many sequences of each kind there are, and of all. */
enum { ALL = 3 };

static const char *const folders[] = {[TRACE_CALLS_TRAINING] = "Training_Data_Master/",
                                      [TRACE_CALLS_NORMAL] = "Validation_Data_Master/",
                                      [TRACE_CALLS_ATTACK] = "Attack_Data_Master/"};
enum { FOLDERS = sizeof folders / sizeof *folders };

bool calls_adfa_fits(struct slice beginning, bool whole)
{
    static const struct slice used = SLICE("0123456789 \t\r\n");
    (void)whole;
    for (size_t i = 0; i < beginning.len && i < 64; i++)
        if (!memchr(used.at, beginning.at[i], used.len))
            return false;
    return beginning.len > 0;
}

/* FOLDERS: in none of them. */
static int folder_of(const char *path)
{
    int which = 0;
    while (which < FOLDERS && !strstr(path, folders[which]))
        which++;
    return which;
}

int calls_adfa_read(struct reading *reading)
{
    int what = folder_of(reading->source.entry), more;
    struct slice line;
    if (what == FOLDERS)
        return 0; /* the list of the calls' names */
    size_t before = reading->trace->count;
    while ((more = reading_line(reading, &line)) > 0)
        for (struct slice rest = line, word; (word = word_take(&rest)).len > 0;) {
            int64_t call;
            if (!number_of(word, &call) || call < 0 || call > UINT32_MAX)
                return reading_wrong(reading, word, "the number of a system call");
            if (reading_add(reading, (const int64_t[]){reading->state[ALL], what, call}) < 0)
                return -1;
        }
    if (reading->trace->count > before) {
        reading->state[what]++;
        reading->state[ALL]++;
    }
    return more;
}

/* Normal sequences and attacks are halved: there must be two of each. */
int calls_adfa_end(struct reading *reading)
{
    for (int what = 0; what < FOLDERS; what++) {
        int wanted = what == TRACE_CALLS_TRAINING ? 1 : 2;
        if (reading->state[what] < wanted)
            return reading_failed(reading, "found %d sequences in %s, wanted %d or more",
                                  (int)reading->state[what], folders[what], wanted);
    }
    return 0;
}
