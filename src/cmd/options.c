/* See options.h. getopt_long does the walking; what it is told, and what a value may be, comes from
 * the tables. */
#include "cmd/options.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/config.h"
#include "wire/nearest.h"

#define LONG_FIRST    256 /* getopt's value of the first long option: above every letter */
#define HELP_VALUE    (LONG_FIRST + (int)SETTINGS_MAX)
#define LETTERS_BYTES (2 * SETTINGS_MAX + 4)

static const struct setting help_setting = {
    .name = "help", .letter = 'h', .kind = SETTING_FLAG, .help = "Shows this."};

const char *options_config;

struct parsing {
    const struct command *command;
    unsigned char *settings;
    FILE *errors;
    bool given[SETTINGS_MAX]; /* on the command line */
    bool filed[SETTINGS_MAX]; /* in the file */
};

static enum options_result wrong(const struct parsing *parsing, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum options_result wrong(const struct parsing *parsing, const char *format, ...)
{
    char *sentence = NULL;
    va_list arguments;
    va_start(arguments, format);
    int len = vasprintf(&sentence, format, arguments);
    va_end(arguments);
    fprintf(parsing->errors, "khub %s: %s\nTry 'khub %s --help'.\n", parsing->command->name,
            len < 0 ? "out of memory" : sentence, parsing->command->name);
    if (len >= 0)
        free(sentence);
    return OPTIONS_WRONG;
}

int size_parse(const char *text, size_t *ret_bytes)
{
    static const char units[] = "KMGT";
    if (!isdigit((unsigned char)text[0]))
        return -1;
    char *end;
    errno = 0;
    unsigned long long bytes = strtoull(text, &end, 10);
    if (errno != 0)
        return -1;
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    if (unit) {
        for (long power = 0; power <= unit - units; power++) {
            if (__builtin_mul_overflow(bytes, 1024ull, &bytes))
                return -1;
        }
        end++;
        if (*end == 'i' && toupper((unsigned char)end[1]) == 'B')
            end += 2;
        else if (toupper((unsigned char)*end) == 'B')
            end++;
    }
    if (*end || bytes > SIZE_MAX)
        return -1;
    *ret_bytes = (size_t)bytes;
    return 0;
}

int age_parse(const char *text, int64_t *ret_ms)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'d', 86400000}, {'h', 3600000}, {'m', 60000}, {'s', 1000}};
    unsigned count;
    char unit, end;
    if (!isdigit((unsigned char)text[0]) || sscanf(text, "%9u%c%c", &count, &unit, &end) != 2)
        return -1;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (units[i].unit != unit)
            continue;
        *ret_ms = (int64_t)count * units[i].ms;
        return 0;
    }
    return -1;
}

/* 64K rather than 65536: limits are shown as they are typed. */
static const char *size_text(double bytes, char *buffer, size_t size)
{
    static const char units[] = "\0KMGT";
    unsigned power = 0;
    while (power < 4 && bytes >= 1024 && fmod(bytes, 1024) == 0) {
        bytes /= 1024;
        power++;
    }
    snprintf(buffer, size, "%.0f%.1s", bytes, &units[power]);
    return buffer;
}

static bool limited(const struct setting *setting)
{
    return setting->low < setting->high;
}

const char *setting_limits(const struct setting *setting, char *buffer, size_t size)
{
    char low[32], high[32];
    if (setting->kind == SETTING_SIZE) {
        size_text(setting->low, low, sizeof(low));
        size_text(setting->high, high, sizeof(high));
    } else {
        int digits = setting->kind == SETTING_WHOLE ? 17 : 15; /* all of a whole number */
        snprintf(low, sizeof(low), "%.*g", digits, setting->low);
        snprintf(high, sizeof(high), "%.*g", digits, setting->high);
    }
    snprintf(buffer, size, "between %s and %s", low, high);
    return buffer;
}

static bool within(const struct setting *setting, double number)
{
    return isfinite(number) &&
           (!limited(setting) || (number >= setting->low && number <= setting->high));
}

static bool store_whole(const struct setting *setting, const char *text, void *member)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (end == text || *end || errno != 0 || !within(setting, (double)number))
        return false;
    memcpy(member, &number, sizeof(number));
    return true;
}

static bool store_number(const struct setting *setting, const char *text, void *member)
{
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end || !within(setting, number))
        return false;
    memcpy(member, &number, sizeof(number));
    return true;
}

static bool store_size(const struct setting *setting, const char *text, void *member)
{
    size_t bytes;
    if (size_parse(text, &bytes) < 0 || !within(setting, (double)bytes))
        return false;
    memcpy(member, &bytes, sizeof(bytes));
    return true;
}

static bool store_text(const struct setting *setting, const char *text, void *member)
{
    (void)setting;
    memcpy(member, &text, sizeof(text));
    return *text != '\0';
}

static bool store_list(const struct setting *setting, const char *text, void *member)
{
    (void)setting;
    struct text_list *list = member;
    if (*text == '\0' || list->count == LIST_MAX)
        return false;
    list->at[list->count++] = text;
    return true;
}

static bool store_choice(const struct setting *setting, const char *text, void *member)
{
    for (const char *const *choice = setting->choices; *choice; choice++) {
        if (strcmp(*choice, text) == 0) {
            memcpy(member, choice, sizeof(*choice));
            return true;
        }
    }
    return false;
}

static bool store_flag(const struct setting *setting, const char *text, void *member)
{
    (void)setting, (void)text;
    *(bool *)member = true;
    return true;
}

/* What a kind is, for the sentence when a value is none: "is no …". */
static const struct {
    bool (*store)(const struct setting *setting, const char *text, void *member);
    const char *wanted;
} kinds[] = {
    [SETTING_FLAG] = {store_flag, ""},
    [SETTING_TEXT] = {store_text, "a text that is not empty"},
    [SETTING_LIST] = {store_list, "a text that is not empty"},
    [SETTING_WHOLE] = {store_whole, "a whole number"},
    [SETTING_NUMBER] = {store_number, "a number"},
    [SETTING_SIZE] = {store_size, "a size in bytes, such as 65536, 64K, 8M or 1G"},
    [SETTING_CHOICE] = {store_choice, NULL},
};

static enum options_result refuse_choice(const struct parsing *parsing,
                                         const struct setting *setting, const char *shown,
                                         const char *text)
{
    char all[512];
    size_t len = 0;
    struct nearest nearest = {.word = slice_of(text)};
    for (const char *const *choice = setting->choices; *choice && len < sizeof(all); choice++) {
        nearest_offer(&nearest, slice_of(*choice));
        len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s",
                                len == 0 ? "" : (choice[1] ? ", " : " or "), *choice);
    }
    if (nearest.count > 0)
        return wrong(parsing, "%s is '%s': did you mean '%s'? It may be %s.", shown, text,
                     nearest.best[0].name.at, all);
    return wrong(parsing, "%s is '%s': it must be %s.", shown, text, all);
}

/* `shown` is how the person wrote it: "--port", "MINUTES" or "$KHUB_HUB". */
static enum options_result store(const struct parsing *parsing, const struct setting *setting,
                                 const char *shown, const char *text)
{
    void *member = setting->place ? setting->place : parsing->settings + setting->offset;
    if (setting->bytes && strlen(text) > setting->bytes)
        return wrong(parsing, "%s has %zu bytes: it may have %u.", shown, strlen(text),
                     setting->bytes);
    if (kinds[setting->kind].store(setting, text, member))
        return OPTIONS_FINE;
    if (setting->kind == SETTING_CHOICE)
        return refuse_choice(parsing, setting, shown, text);
    if (setting->kind == SETTING_LIST && *text)
        return wrong(parsing, "%s '%s' is one too many: there may be %u.", shown, text, LIST_MAX);
    char limits[80] = "";
    if (limited(setting))
        setting_limits(setting, limits, sizeof(limits));
    return wrong(parsing, "%s is '%s': it must be %s%s%s.", shown, text,
                 kinds[setting->kind].wanted, *limits ? ", " : "", limits);
}

static size_t settings_count(const struct setting *settings)
{
    size_t count = 0;
    while (settings && settings[count].name)
        count++;
    return count;
}

/* The option that `name` (up to a '=') was probably meant to be; NULL: none is near. */
static const char *nearest_option(const struct command *command, const char *name)
{
    char bare[NEAREST_BYTES_MAX + 1];
    snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(name, "="), name);
    struct nearest nearest = {.word = slice_of(bare)};
    for (size_t i = 0; i < settings_count(command->options); i++)
        nearest_offer(&nearest, slice_of(command->options[i].name));
    nearest_offer(&nearest, slice_of(help_setting.name));
    return nearest.count > 0 ? nearest.best[0].name.at : NULL;
}

static enum options_result unknown_option(const struct parsing *parsing, const char *word)
{
    const char *meant = nearest_option(parsing->command, word + strspn(word, "-"));
    if (strncmp(word, "--", 2) == 0 && meant)
        return wrong(parsing, "unknown option '%s': did you mean '--%s'?", word, meant);
    return wrong(parsing, "unknown option '%s'.", word);
}

/* getopt_long's '?': an option it does not know, an abbreviation of several, or a flag that was
 * given a value. */
static enum options_result refuse_option(const struct parsing *parsing, const char *word,
                                         int option)
{
    if (option >= LONG_FIRST)
        return wrong(parsing, "%.*s takes no value.", (int)strcspn(word, "="), word);
    if (option != 0) {
        char letter[3] = {'-', (char)option, '\0'};
        return unknown_option(parsing, letter);
    }
    return unknown_option(parsing, word);
}

static enum options_result parse_option(struct parsing *parsing, size_t index, const char *value)
{
    const struct setting *setting = &parsing->command->options[index];
    char shown[64];
    snprintf(shown, sizeof(shown), "--%s", setting->name);
    if (parsing->given[index] && setting->kind != SETTING_LIST && setting->kind != SETTING_FLAG)
        return wrong(parsing, "%s stands twice.", shown);
    parsing->given[index] = true;
    return store(parsing, setting, shown, value ? value : "");
}

static enum options_result parse_options(struct parsing *parsing, int argc, char **argv)
{
    const struct setting *options = parsing->command->options;
    size_t count = settings_count(options);
    assert(count <= SETTINGS_MAX);
    struct option longs[SETTINGS_MAX + 2] = {0};
    char letters[LETTERS_BYTES] = ":h";
    char *letter = letters + 2;
    for (size_t i = 0; i < count; i++) {
        bool takes = options[i].kind != SETTING_FLAG;
        longs[i] = (struct option){options[i].name, takes ? required_argument : no_argument, NULL,
                                   LONG_FIRST + (int)i};
        if (options[i].letter) {
            *letter++ = options[i].letter;
            if (takes)
                *letter++ = ':';
        }
    }
    longs[count] = (struct option){"help", no_argument, NULL, HELP_VALUE};

    optind = 0; /* the GNU way to begin anew */
    opterr = 0;
    int option;
    while ((option = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        const char *word = argv[optind > 1 ? optind - 1 : 1];
        if (option == 'h' || option == HELP_VALUE)
            return OPTIONS_HELP;
        if (option == ':')
            return wrong(parsing, "%s wants a value.", word);
        if (option == '?')
            return refuse_option(parsing, word, optopt);
        size_t index = 0;
        while (option < LONG_FIRST ? options[index].letter != option
                                   : index != (size_t)(option - LONG_FIRST))
            index++;
        assert(index < count); /* getopt_long knows those of the table alone */
        enum options_result result = parse_option(parsing, index, optarg);
        if (result != OPTIONS_FINE)
            return result;
    }
    return OPTIONS_FINE;
}

static enum options_result parse_operands(struct parsing *parsing, int count, char **operands)
{
    const struct setting *setting = parsing->command->operands;
    for (; setting && setting->name && count > 0; operands++, count--) {
        enum options_result result = store(parsing, setting, setting->name, *operands);
        if (result != OPTIONS_FINE)
            return result;
        if (setting->kind != SETTING_LIST || count == 1)
            setting++;
    }
    if (setting && setting->name && setting->required)
        return wrong(parsing, "%s is missing.", setting->name);
    if (count > 0)
        return wrong(parsing, "'%s' is one argument too many.", *operands);
    return OPTIONS_FINE;
}

static enum options_result store_line(struct parsing *parsing, const struct config_line *line,
                                      const char *where)
{
    const struct setting *options = parsing->command->options;
    size_t index = 0, count = settings_count(options);
    while (index < count && strcmp(options[index].name, line->name) != 0)
        index++;
    if (index == count) {
        const char *meant = nearest_option(parsing->command, line->name);
        return wrong(parsing, "%s: unknown option '%s'%s%s%s", where, line->name,
                     meant ? ": did you mean '" : "", meant ? meant : "", meant ? "'?" : ".");
    }
    const struct setting *setting = &options[index];
    if (setting->place == &options_config)
        return wrong(parsing, "%s: a file can't name another.", where);
    char shown[PATH_MAX + 80];
    snprintf(shown, sizeof(shown), "%s: %s", where, setting->name);
    if (parsing->filed[index] && setting->kind != SETTING_LIST)
        return wrong(parsing, "%s stands twice.", shown);
    parsing->filed[index] = true;
    if (parsing->given[index])
        return OPTIONS_FINE;
    bool on = true;
    if (setting->kind == SETTING_FLAG && config_flag(line->value, &on) < 0)
        return wrong(parsing, "%s is '%s': it must be yes or no.", shown, line->value);
    if (setting->kind != SETTING_FLAG && !line->value)
        return wrong(parsing, "%s wants a value: %s = %s", shown, setting->name, setting->argument);
    return on ? store(parsing, setting, shown, line->value ? line->value : "") : OPTIONS_FINE;
}

static enum options_result store_file(struct parsing *parsing, const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return wrong(parsing, "could not read '%s': %s.", path, strerror(errno));
    struct config_line line = {0};
    enum options_result result = OPTIONS_FINE;
    enum config_result next = CONFIG_END;
    while (result == OPTIONS_FINE && (next = config_next(file, &line)) == CONFIG_LINE) {
        char where[PATH_MAX + 16];
        snprintf(where, sizeof(where), "%s:%u", path, line.number);
        result = store_line(parsing, &line, where);
    }
    if (result == OPTIONS_FINE && next == CONFIG_UNREAD)
        result = wrong(parsing, "could not read '%s': %s.", path, strerror(errno));
    if (result == OPTIONS_FINE && next == CONFIG_WRONG)
        result = wrong(parsing, "%s:%u: a line is 'name = value', of at most %u bytes.", path,
                       line.number, CONFIG_LINE_MAX);
    fclose(file);
    return result;
}

/* Before anything is read, what was not going to be said. A wrong variable must not break a command
 * that sets the option itself. */
static enum options_result store_defaults(struct parsing *parsing)
{
    const struct setting *setting = parsing->command->options;
    for (size_t i = 0; setting && setting->name; i++, setting++) {
        const char *value = setting->environment ? getenv(setting->environment) : NULL;
        char shown[64];
        snprintf(shown, sizeof(shown), "$%s", setting->environment ? setting->environment : "");
        if (!value || !*value)
            value = setting->fallback;
        if (parsing->given[i] || parsing->filed[i] || !value)
            continue;
        enum options_result result = store(parsing, setting, shown, value);
        if (result != OPTIONS_FINE)
            return result;
    }
    for (setting = parsing->command->operands; setting && setting->name; setting++) {
        if (setting->fallback)
            store(parsing, setting, setting->name, setting->fallback);
    }
    return OPTIONS_FINE;
}

enum options_result options_parse(const struct command *command, int argc, char **argv,
                                  void *settings, FILE *errors)
{
    struct parsing parsing = {.command = command, .settings = settings, .errors = errors};
    options_config = NULL;
    enum options_result result = parse_options(&parsing, argc, argv);
    if (result == OPTIONS_FINE && options_config)
        result = store_file(&parsing, options_config);
    if (result == OPTIONS_FINE)
        result = store_defaults(&parsing);
    if (result == OPTIONS_FINE)
        result = parse_operands(&parsing, argc - optind, argv + optind);
    return result;
}
