/* How a searcher is to be reached that subcommands name with --by: their options, the same for all
 * of them. */
#ifndef KHUB_CMD_SEARCHER_GIVEN_H
#define KHUB_CMD_SEARCHER_GIVEN_H

#include "cmd/options.h"
#include "search/searcher.h"

struct searcher_settings {
    const char *model_url, *model_wire, *model_key_file;
    long tokens;
    double price_in, price_out, spend, patience;
};
#define MODEL_URL_DEFAULT         "http://127.0.0.1:8080/v1"
#define SEARCHER_AT(type, member) .offset = offsetof(type, searcher.member)
#define SEARCHER_MONEY(type, is, member, most, says)                                               \
    {                                                                                              \
        .name = (is), .kind = SETTING_NUMBER, SEARCHER_AT(type, member), .argument = "MONEY",      \
        .fallback = "0", .low = 0, .high = (most), .help = (says)                                  \
    }
/* Of a subcommand whose settings have `struct searcher_settings searcher`. */
#define MODEL_SETTINGS(type)                                                                       \
    {.name = "model-url",                                                                          \
     .kind = SETTING_TEXT,                                                                         \
     SEARCHER_AT(type, model_url),                                                                 \
     .argument = "URL",                                                                            \
     .fallback = MODEL_URL_DEFAULT,                                                                \
     .help = "Where a language model answers, without the wire's own path; the default is "        \
             "llama.cpp's. Ollama: http://127.0.0.1:11434/v1."},                                   \
        {.name = "model-wire",                                                                     \
         .kind = SETTING_CHOICE,                                                                   \
         SEARCHER_AT(type, model_wire),                                                            \
         .argument = "WIRE",                                                                       \
         .fallback = "openai",                                                                     \
         .choices = model_wires,                                                                   \
         .help = "What it speaks: OpenAI's chat completions, or Anthropic's messages (URL: "       \
                 "https://api.anthropic.com/v1)."},                                                \
        {.name = "model-key-file",                                                                 \
         .kind = SETTING_TEXT,                                                                     \
         SEARCHER_AT(type, model_key_file),                                                        \
         .argument = "FILE",                                                                       \
         .help = "The key to show there: the first line of FILE."},                                \
        {.name = "tokens",                                                                         \
         .kind = SETTING_WHOLE,                                                                    \
         SEARCHER_AT(type, tokens),                                                                \
         .argument = "N",                                                                          \
         .fallback = "200000",                                                                     \
         .low = 1000,                                                                              \
         .high = 1e12,                                                                             \
         .help = "What all questions and answers may have together; then it ends. A server that "  \
                 "does not count is counted by bytes, three a token."},                            \
        SEARCHER_MONEY(type, "price-in", price_in, 1e6,                                            \
                       "What a million tokens of questions cost."),                                \
        SEARCHER_MONEY(type, "price-out", price_out, 1e6,                                          \
                       "What a million tokens of answers cost."),                                  \
        SEARCHER_MONEY(                                                                            \
            type, "spend", spend, 1e9,                                                             \
            "What it may cost at these prices; then it ends. 0: no limit but --tokens.")
#define ANSWER_PATIENCE_SETTING(type)                                                              \
    {                                                                                              \
        .name = "patience", .kind = SETTING_NUMBER, SEARCHER_AT(type, patience),                   \
        .argument = "SECONDS", .fallback = "60", .low = 0, .high = 86400,                          \
        .help = "How long a program or a model may take for an answer; 0: for ever."               \
    }

/* Before anything is begun: whether there are searchers of these names, and where the model is said
 * to answer something could. EXIT_WORKED, or EXIT_USAGE after a sentence on stderr. */
int searcher_check(const char *command, const struct searcher_settings *settings,
                   const char *const *by, size_t by_count);

struct searcher_given {
    struct searcher searcher; /* `by` is the caller's to set */
    char *key;
};
/* Reads the key. EXIT_WORKED, or EXIT_FAILED after a sentence on stderr. To be freed in any case;
 * the settings' texts are kept. */
int searcher_give(const char *command, const struct searcher_settings *settings,
                  struct searcher_given *ret_given);
void searcher_given_free(struct searcher_given *given);

/* The same as options of another process of this program. */
#define SEARCHER_WORDS_MAX 14u
struct searcher_words {
    const char *words[SEARCHER_WORDS_MAX + 1]; /* NULL-terminated */
    char numbers[4][32];
};
void searcher_write(const struct searcher_settings *settings, struct searcher_words *ret_words);

#endif
