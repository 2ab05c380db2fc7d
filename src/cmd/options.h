/* What a subcommand is, and what it can be told: tables that the parser, --help and the tests
 * share.
 *
 * A subcommand fills a struct of settings of its own. Each struct setting below says how one of its
 * members is written on the command line, what it means, what it may be and what it is when nobody
 * says. The default is text, read by the same code as what a person types: so help can't promise
 * another one. */
#ifndef KHUB_CMD_OPTIONS_H
#define KHUB_CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cmd/hub_tls.h"
#include "core/bounds.h"
#include "wire/bounds.h"

#define HELP_WIDTH                                                                                 \
    80u /* columns of what is printed for reading: a terminal's, unless somebody widens it */
#define SETTINGS_MAX 48u /* options of one subcommand */
#define LIST_MAX     16u /* times a repeatable option may stand */

enum exit_code { EXIT_WORKED = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct text_list {
    const char *at[LIST_MAX];
    size_t count;
};

enum setting_kind {
    SETTING_FLAG,   /* bool; takes no argument */
    SETTING_TEXT,   /* const char *; not empty */
    SETTING_LIST,   /* struct text_list; may stand several times; as an operand: all the rest */
    SETTING_WHOLE,  /* long */
    SETTING_NUMBER, /* double */
    SETTING_SIZE,   /* size_t: bytes; 64K, 8M and 1G are powers of 1024 */
    SETTING_CHOICE  /* const char *: one of `choices` */
};

struct setting {
    const char *name; /* "max-line" for --max-line; of an operand, what usage calls it. NULL: end */
    size_t offset;    /* of the member in the settings; */
    void *place;      /* or the member itself, when it is not in there */
    const char *argument;    /* what help calls the argument, "BYTES" */
    const char *help;        /* a sentence or two; limits, choices and default are added */
    const char *fallback;    /* the default as one would type it; NULL: the member stays zero */
    const char *environment; /* the variable that holds the default, before fallback; NULL: none */
    double low, high;        /* of numbers and sizes; both 0: no limits */
    unsigned bytes;          /* of a text, or each of a list, at the most; 0: no limit */
    const char *const *choices;
    enum setting_kind kind;
    char letter;   /* of the short option; 0: none */
    bool required; /* of an operand */
};

struct command {
    const char *name, *summary;  /* the summary in one line, for the list of all */
    const char *about;           /* for --help: what it does, in paragraphs; lines are filled */
    void (*table)(FILE *out);    /* writes lines that follow it, as they stand; may be NULL */
    const char *example;         /* lines as they stand */
    const char *worked, *failed; /* what exit codes 0 and 1 mean here; */
    const char *not_now;         /* and 3, where there is one (turn.h); else NULL */
    const struct setting *options, *operands; /* tables, ended by name NULL; may be NULL */
    size_t settings_size;
    int (*run)(const void *settings); /* an exit code */
};

/* Of every subcommand that joins a hub: which, how to know it (hub_tls.h), the token to show to it,
 * and the room. The settings' members are hub, token_file and room. HUB_PLACE_SETTING leaves the
 * room out. */
#define HUB_DEFAULT       "127.0.0.1:6000"
#define HUB_SETTING(type) HUB_PLACE_SETTING(type), ROOM_SETTING(type)
#define HUB_PLACE_SETTING(type)                                                                    \
    {.name = "hub",                                                                                \
     .letter = 'H',                                                                                \
     .kind = SETTING_TEXT,                                                                         \
     .offset = offsetof(type, hub),                                                                \
     .argument = "ADDRESS",                                                                        \
     .fallback = HUB_DEFAULT,                                                                      \
     .environment = "KHUB_HUB",                                                                    \
     .help = "The hub: host:port, [ipv6]:port, unix:/path, or khubs://host:port for TLS."},        \
        HUB_TRUST_SETTING, TOKEN_SETTING(type)
/* How to know it. */
#define HUB_TRUST_SETTING                                                                          \
    TLS_SETTING("fingerprint", "SHA256", fingerprint, "KHUB_FINGERPRINT",                          \
                "Of khubs://, the hub's certificate, as 'khub cert' shows it."),                   \
        TLS_SETTING("ca", "FILE", ca, "KHUB_CA",                                                   \
                    "Certificates (PEM) of who vouches for a hub at khubs://. Without it and "     \
                    "--fingerprint: whom the system trusts."),                                     \
        TLS_SETTING("cert", "FILE", cert, "KHUB_CERT",                                             \
                    "A certificate of your own to show to such a hub."),                           \
        TLS_SETTING("key", "FILE", key, "KHUB_KEY", "Its private key."),                           \
    {                                                                                              \
        .name = "insecure", .kind = SETTING_FLAG, .place = &hub_token_open,                        \
        .help = "Shows a token without TLS to a hub of another machine, too: whoever listens on "  \
                "the way then has it."                                                             \
    }
#define TLS_SETTING(text, of, member, variable, sentence)                                          \
    {                                                                                              \
        .name = (text), .kind = SETTING_TEXT, .place = &hub_tls_chosen.member, .argument = (of),   \
        .environment = (variable), .help = (sentence)                                              \
    }
#define TOKEN_SETTING(type)                                                                        \
    {                                                                                              \
        .name = "token-file", .kind = SETTING_TEXT, .offset = offsetof(type, token_file),          \
        .argument = "FILE",                                                                        \
        .help = "A file that only you may read, with the token to show to a hub that asks for "    \
                "one. Without it: $KHUB_TOKEN, else the file named like the hub's address in "     \
                "~/.config/khub/tokens."                                                           \
    }
#define ROOM_DEFAULT "main"
#define ROOM_SETTING(type)                                                                         \
    {                                                                                              \
        .name = "room", .letter = 'r', .kind = SETTING_TEXT, .offset = offsetof(type, room),       \
        .argument = "ROOM", .bytes = ROOM_NAME_MAX, .fallback = ROOM_DEFAULT,                      \
        .help = "The room at the hub."                                                             \
    }
#define JSON_SETTING(type, sentence)                                                               \
    {                                                                                              \
        .name = "json", .kind = SETTING_FLAG, .offset = offsetof(type, json), .help = (sentence)   \
    }

/* Of a subcommand that can be told its options in a file (config.h). */
#define CONFIG_SETTING                                                                             \
    {                                                                                              \
        .name = "config", .letter = 'c', .kind = SETTING_TEXT, .place = &options_config,           \
        .argument = "FILE", .help = CONFIG_HELP                                                    \
    }
#define CONFIG_HELP                                                                                \
    "Options, one a line as 'name = value', named as here without the dashes; # at its "           \
    "beginning makes a comment. What stands on the command line comes before it."
extern const char *options_config; /* the file */

#define COLOR_SETTING(type)                                                                        \
    {                                                                                              \
        .name = "color", .kind = SETTING_CHOICE, .offset = offsetof(type, color),                  \
        .argument = "WHEN", .fallback = "auto", .choices = color_choices,                          \
        .help = "Auto is on a terminal, unless NO_COLOR is set."                                   \
    }

enum options_result { OPTIONS_FINE = 0, OPTIONS_HELP = 1, OPTIONS_WRONG = -1 };

/* Fills settings (zeroed, command->settings_size bytes) from argv[1..]; its strings point into argv
 * and the environment. OPTIONS_HELP: --help was asked for. OPTIONS_WRONG: a sentence on what is
 * wrong was written to errors. */
enum options_result options_parse(const struct command *command, int argc, char **argv,
                                  void *settings, FILE *errors);
/* The whole page of --help. */
void options_help(const struct command *command, FILE *out);
/* Fills text into lines of at most `width` columns, all but the first indented by `indent`; '\n'
 * begins a new paragraph line. */
void options_fill(FILE *out, const char *text, unsigned indent, unsigned width);
/* What help says of a setting: its sentence, with choices, limits and default. The caller frees it;
 * NULL: no memory. */
char *setting_sentence(const struct setting *setting);
/* "between 1 and 64", written into buffer, which is returned. */
const char *setting_limits(const struct setting *setting, char *buffer, size_t size);
/* Bytes of "65536", "64K", "8M", "1G" (a B or iB behind is fine). 0, or -1 when it is no size or
 * does not fit. */
int size_parse(const char *text, size_t *ret_bytes);
/* Milliseconds of "30d", "12h", "90m", "45s". 0, or -1. */
int age_parse(const char *text, int64_t *ret_ms);

#endif
