/* The hook beside a client's entry: `khub waiting --hook`, at the end of a turn. See setup.h. */
#include <stdio.h>
#include <string.h>

#include "cmd/json_edit.h"
#include "cmd/setup.h"

#define MARKER       " waiting --hook "
#define POINTER_SIZE 256u
#define MARGIN_S     30 /* for a hook to come to its end, beyond what it waits */
#define LOOPS_MAX    8  /* Cursor's own bound, as hook.h's */

/* ── the command ── */

static bool is_bare(const char *text)
{
    return *text && text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-_./:@")] == '\0';
}

/* A word of a shell's. */
static void add_word(struct text *text, const char *word)
{
    if (is_bare(word)) {
        text_add_literal(text, word);
        return;
    }
    text_add_literal(text, "'");
    for (; *word; word++)
        text_add_literal(text, *word == '\'' ? "'\\''" : (char[2]){*word, '\0'});
    text_add_literal(text, "'");
}

/* Whom it is for: what of the arguments of khub mcp is khub waiting's too. */
static void add_whom(struct text *text, const json_t *arguments)
{
    for (size_t i = 0; i + 1 < json_array_size(arguments); i++) {
        const char *option = json_string_value(json_array_get(arguments, i));
        const char *value = json_string_value(json_array_get(arguments, i + 1));
        if (!option || !value || (strcmp(option, "--as") != 0 && strcmp(option, "--room") != 0))
            continue;
        text_addf(text, " %s ", option);
        add_word(text, value);
    }
}

static void add_command(struct text *text, const struct setup_client *client,
                        const struct setup_wish *wish)
{
    add_word(text, wish->command);
    text_addf(text, MARKER "%s", client->id);
    if (wish->wait_s > 0)
        text_addf(text, " --wait %ld", wish->wait_s);
    add_whom(text, wish->arguments);
    text_add(text, (struct slice){"", 1});
}

/* Is it one that was written for these arguments? */
static bool is_hook_of(const struct setup_client *client, const json_t *arguments,
                       const char *command)
{
    struct text whom = {0};
    char marker[64];
    snprintf(marker, sizeof marker, MARKER "%s", client->id);
    const char *at = command ? strstr(command, marker) : NULL;
    const char *rest = at ? at + strlen(marker) : "";
    add_whom(&whom, arguments);
    text_add(&whom, (struct slice){"", 1});
    if (strncmp(rest, " --wait ", 8) == 0)
        rest += 8 + strspn(rest + 8, "0123456789");
    bool same = at && !whom.failed && strcmp(rest, whom.at) == 0;
    text_free(&whom);
    return same;
}

/* ── in a file ── */

static json_t *hook_value(const struct setup_client *client, const struct setup_wish *wish)
{
    const struct setup_hook *hook = client->hook;
    struct text command = {0};
    add_command(&command, client, wish);
    json_int_t timeout = (wish->wait_s + MARGIN_S) * (hook->milliseconds ? 1000 : 1);
    json_t *value = NULL;
    if (!command.failed && !hook->grouped)
        value = json_pack("{s:s,s:i}", "command", command.at, "loop_limit", (int)LOOPS_MAX);
    else if (!command.failed)
        value = json_pack("{s:[{s:s,s:s,s:I}]}", "hooks", "type", "command", "command", command.at,
                          "timeout", timeout);
    if (value && hook->background && wish->wait_s > 0)
        json_object_set_new(json_array_get(json_object_get(value, "hooks"), 0), hook->background,
                            json_true());
    text_free(&command);
    return value;
}

/* Where the hook of these arguments stands: "/hooks/Stop/0", or, when others share its group,
 * "/hooks/Stop/0/hooks/1". False: nowhere. */
static bool find_hook(const struct setup_client *client, const json_t *arguments,
                      const json_t *events, char ret_pointer[POINTER_SIZE])
{
    const char *event = client->hook->event;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *group = json_array_get(events, i), *hooks = json_object_get(group, "hooks");
        const char *command = json_string_value(json_object_get(group, "command"));
        snprintf(ret_pointer, POINTER_SIZE, "/hooks/%s/%zu", event, i);
        if (is_hook_of(client, arguments, command))
            return true;
        for (size_t j = 0; j < json_array_size(hooks); j++) {
            command = json_string_value(json_object_get(json_array_get(hooks, j), "command"));
            if (!is_hook_of(client, arguments, command))
                continue;
            if (json_array_size(hooks) > 1)
                snprintf(ret_pointer, POINTER_SIZE, "/hooks/%s/%zu/hooks/%zu", event, i, j);
            return true;
        }
    }
    return false;
}

/* In the place of an old one, or behind all others. value NULL: it goes. */
static enum setup_result put(const struct setup_client *client, const char *pointer,
                             const json_t *value, struct text *text)
{
    char behind[POINTER_SIZE];
    if (!value)
        return pointer && json_edit_remove(text, pointer) == 0 ? SETUP_DONE : SETUP_ABSENT;
    bool shared = pointer && client->hook->grouped && strstr(pointer + 1, "/hooks/");
    snprintf(behind, sizeof behind, "/hooks/%s/-", client->hook->event);
    const json_t *own = shared ? json_array_get(json_object_get(value, "hooks"), 0) : value;
    int error = json_edit_set(text, pointer ? pointer : behind, own);
    return error == 0 ? SETUP_DONE : SETUP_REFUSED;
}

enum setup_result setup_hook_edit(const struct setup_client *client, const struct setup_wish *wish,
                                  const json_t *before, bool wanted, struct text *text,
                                  char ret_why[SETUP_WHY_SIZE])
{
    char fault[160], pointer[POINTER_SIZE];
    int line;
    if (text->len == 0)
        text_add_literal(text, client->hook->empty);
    if (json_edit_check(text_slice(text), &line, fault, sizeof fault) < 0) {
        if (!wanted && !memmem(text->at, text->len, MARKER, sizeof MARKER - 1))
            return SETUP_ABSENT;
        snprintf(ret_why, SETUP_WHY_SIZE,
                 "line %d: %s: it has comments, which would be lost, or is no JSON", line, fault);
        return SETUP_REFUSED;
    }
    json_t *root = json_loadb(text->at, text->len, 0, NULL);
    const json_t *events = json_object_get(json_object_get(root, "hooks"), client->hook->event);
    bool named = wanted || json_array_size(wish->arguments) > 0;
    bool found = (before && find_hook(client, before, events, pointer)) ||
                 (named && find_hook(client, wish->arguments, events, pointer));
    json_decref(root);
    json_t *value = wanted ? hook_value(client, wish) : NULL;
    enum setup_result result = SETUP_REFUSED;
    if (wanted && !value)
        snprintf(ret_why, SETUP_WHY_SIZE, "out of memory");
    else {
        result = put(client, found ? pointer : NULL, value, text);
        if (result == SETUP_REFUSED)
            snprintf(ret_why, SETUP_WHY_SIZE, "its \"hooks\" are not what they should be");
    }
    json_decref(value);
    return result;
}
