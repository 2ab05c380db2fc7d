/* See config.h. */
#include "cmd/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define SPACE " \t\r\n"

/* Lines that an option's value stands in. */
struct kept {
    SLIST_ENTRY(kept) next;
    char *text;
};
static SLIST_HEAD(, kept) all_kept = SLIST_HEAD_INITIALIZER(all_kept);

static int keep(char *text)
{
    struct kept *kept = malloc(sizeof(*kept));
    if (!kept)
        return -1;
    kept->text = text;
    SLIST_INSERT_HEAD(&all_kept, kept, next);
    return 0;
}

static char *trim(char *text)
{
    text += strspn(text, SPACE);
    size_t len = strlen(text);
    while (len > 0 && strchr(SPACE, text[len - 1]))
        len--;
    text[len] = '\0';
    return text;
}

static enum config_result split(char *text, struct config_line *line)
{
    char *equals = strchr(text, '=');
    line->value = NULL;
    if (equals) {
        *equals = '\0';
        line->value = trim(equals + 1);
    }
    line->name = trim(text);
    return *line->name ? CONFIG_LINE : CONFIG_WRONG;
}

enum config_result config_next(FILE *file, struct config_line *line)
{
    for (;;) {
        char *text = NULL;
        size_t size = 0;
        errno = 0;
        ssize_t len = getline(&text, &size, file);
        if (len < 0) {
            bool unread = errno != 0 || ferror(file) != 0;
            free(text);
            return unread ? CONFIG_UNREAD : CONFIG_END;
        }
        line->number++;
        char *said = text + strspn(text, SPACE);
        bool wrong = len > (ssize_t)CONFIG_LINE_MAX || strlen(text) != (size_t)len;
        if (!wrong && (*said == '\0' || *said == '#')) {
            free(text);
            continue;
        }
        if (wrong || keep(text) < 0) {
            free(text);
            return wrong ? CONFIG_WRONG : CONFIG_UNREAD;
        }
        return split(said, line);
    }
}

int config_flag(const char *value, bool *ret_on)
{
    static const struct {
        const char *word;
        bool on;
    } words[] = {{"yes", true}, {"true", true},   {"on", true},
                 {"no", false}, {"false", false}, {"off", false}};
    *ret_on = true;
    if (!value)
        return 0;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i].word, value) == 0) {
            *ret_on = words[i].on;
            return 0;
        }
    }
    return -1;
}
