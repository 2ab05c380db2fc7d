#include "cmd/searcher_given.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/visit.h"
#include "fetch/http_client.h"

int searcher_check(const char *command, const struct searcher_settings *settings,
                   const char *const *by, size_t by_count)
{
    const char *url = settings->model_url;
    struct http_place place;
    for (size_t i = 0; i < by_count; i++)
        if (!searcher_known(by[i]))
            return complain(command, "'%s' is no searcher; there are " SEARCHERS, by[i]),
                   EXIT_USAGE;
    /* Who brings no libcurl asks no model, and is told so when he wants to. */
    if (strcmp(url, MODEL_URL_DEFAULT) == 0 || !http_client_possible() ||
        http_place_of(url, &place) == 0)
        return EXIT_WORKED;
    return complain(command,
                    "--model-url '%s' is no URL where a model could answer: that is http:// or "
                    "https://, a host, and perhaps a port and a path.",
                    url),
           EXIT_USAGE;
}

/* The first line of the file. */
static int read_key(const char *command, const char *path, char **ret_key)
{
    FILE *file = fopen(path, "re");
    size_t size = 0;
    ssize_t length = file ? getline(ret_key, &size, file) : -1;
    int error = !file || ferror(file) ? errno : 0;
    if (file)
        fclose(file);
    while (length > 0 && strchr(" \t\r\n", (*ret_key)[length - 1]))
        (*ret_key)[--length] = '\0';
    if (length > 0)
        return EXIT_WORKED;
    free(*ret_key); /* of a line that could not be read nobody knows what is in it */
    *ret_key = NULL;
    return complain(command, "no key in %s: %s", path, error ? strerror(error) : "it is empty");
}

int searcher_give(const char *command, const struct searcher_settings *settings,
                  struct searcher_given *ret_given)
{
    bool anthropic = strcmp(settings->model_wire, model_wires[MODEL_ANTHROPIC]) == 0;
    if (settings->model_key_file &&
        read_key(command, settings->model_key_file, &ret_given->key) != EXIT_WORKED)
        return EXIT_FAILED;
    ret_given->searcher =
        (struct searcher){.patience_ms = (int)(settings->patience * 1000),
                          .model = {.wire = anthropic ? MODEL_ANTHROPIC : MODEL_OPENAI,
                                    .url = settings->model_url,
                                    .key = ret_given->key,
                                    .tokens = (uint64_t)settings->tokens,
                                    .price_in = settings->price_in,
                                    .price_out = settings->price_out,
                                    .spend = settings->spend,
                                    .patience_s = (long)settings->patience}};
    return EXIT_WORKED;
}

void searcher_given_free(struct searcher_given *given)
{
    if (given->key)
        explicit_bzero(given->key, strlen(given->key));
    free(given->key);
    *given = (struct searcher_given){0};
}

void searcher_write(const struct searcher_settings *settings, struct searcher_words *ret_words)
{
    const struct {
        const char *option;
        double value;
    } numbers[] = {{"--tokens", (double)settings->tokens},
                   {"--price-in", settings->price_in},
                   {"--price-out", settings->price_out},
                   {"--spend", settings->spend}};
    size_t count = 0;
    ret_words->words[count++] = "--model-url";
    ret_words->words[count++] = settings->model_url;
    ret_words->words[count++] = "--model-wire";
    ret_words->words[count++] = settings->model_wire;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        snprintf(ret_words->numbers[i], sizeof ret_words->numbers[i], "%.15g", numbers[i].value);
        ret_words->words[count++] = numbers[i].option;
        ret_words->words[count++] = ret_words->numbers[i];
    }
    if (settings->model_key_file) {
        ret_words->words[count++] = "--model-key-file";
        ret_words->words[count++] = settings->model_key_file;
    }
    ret_words->words[count] = NULL;
}
