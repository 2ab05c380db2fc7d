/* The page of --help, made from a subcommand's tables. */
#include <stdlib.h>
#include <string.h>

#include "cmd/options.h"

#define HELP_INDENT 26u
#define EXIT_INDENT 5u

void options_fill(FILE *out, const char *text, unsigned indent, unsigned width)
{
    unsigned column = indent;
    bool first = true;
    while (*text) {
        size_t word = strcspn(text, " \n");
        if (!first && column + 1 + word > width) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!first && column > indent) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, word, out);
        column += (unsigned)word;
        text += word;
        first = false;
        if (*text == '\n') {
            fprintf(out, "\n%*s", text[1] == '\n' ? 0 : (int)indent, "");
            column = indent;
        }
        if (*text)
            text++;
    }
    fputc('\n', out);
}

static void print_usage(const struct command *command, FILE *out)
{
    fprintf(out, "Usage: khub %s", command->name);
    if (command->options)
        fputs(" [options]", out);
    for (const struct setting *operand = command->operands; operand && operand->name; operand++)
        fprintf(out, operand->required ? " %s%s" : " [%s%s]", operand->name,
                operand->kind == SETTING_LIST ? "..." : "");
    fputs("\n\n", out);
}

char *setting_sentence(const struct setting *setting)
{
    char *sentence = NULL;
    size_t size = 0;
    FILE *text = open_memstream(&sentence, &size);
    if (!text)
        return NULL;
    fputs(setting->help, text);
    if (setting->choices) {
        fputs(" One of:", text);
        for (const char *const *choice = setting->choices; *choice; choice++)
            fprintf(text, " %s%s", *choice, choice[1] ? "," : ".");
    }
    if (setting->low < setting->high) {
        char limits[80];
        fprintf(text, " A %s %s.", setting->kind == SETTING_SIZE ? "size" : "number",
                setting_limits(setting, limits, sizeof(limits)));
    }
    if (setting->kind == SETTING_LIST)
        fputs(" May be repeated.", text);
    if (setting->fallback)
        fprintf(text, setting->environment ? " [default: $%s, else %s]" : " [default: %s%s]",
                setting->environment ? setting->environment : "", setting->fallback);
    if (fclose(text) == 0)
        return sentence;
    free(sentence);
    return NULL;
}

static void print_setting(const struct setting *setting, bool operand, FILE *out)
{
    char term[64], letter[8] = "    ";
    if (setting->letter)
        snprintf(letter, sizeof(letter), "-%c, ", setting->letter);
    if (operand)
        snprintf(term, sizeof(term), "%s", setting->name);
    else
        snprintf(term, sizeof(term), "%s--%s%s%s", letter, setting->name,
                 setting->argument ? " " : "", setting->argument ? setting->argument : "");
    int room = (int)HELP_INDENT - 2;
    fprintf(out, "  %-*s", room, term);
    if ((int)strlen(term) >= room)
        fprintf(out, "\n%*s", (int)HELP_INDENT, "");
    char *sentence = setting_sentence(setting);
    if (sentence)
        options_fill(out, sentence, HELP_INDENT, HELP_WIDTH);
    free(sentence);
}

static void print_settings(const char *title, const struct setting *settings, bool operands,
                           FILE *out)
{
    fprintf(out, "%s:\n", title);
    for (; settings && settings->name; settings++)
        print_setting(settings, operands, out);
    if (!operands)
        fprintf(out, "  %-*sShows this.\n", (int)HELP_INDENT - 2, "-h, --help");
    fputc('\n', out);
}

void options_help(const struct command *command, FILE *out)
{
    fprintf(out, "khub %s: %s\n\n", command->name, command->summary);
    print_usage(command, out);
    options_fill(out, command->about, 0, HELP_WIDTH);
    fputc('\n', out);
    if (command->table) {
        command->table(out);
        fputc('\n', out);
    }
    if (command->operands)
        print_settings("Arguments", command->operands, true, out);
    print_settings("Options", command->options, false, out);
    fprintf(out, "Example:\n%s\n\n", command->example);
    fputs("Exit codes:\n  0  ", out);
    options_fill(out, command->worked, EXIT_INDENT, HELP_WIDTH);
    fputs("  1  ", out);
    options_fill(out, command->failed, EXIT_INDENT, HELP_WIDTH);
    fputs("  2  wrong usage\n", out);
    if (command->not_now) {
        fputs("  3  ", out);
        options_fill(out, command->not_now, EXIT_INDENT, HELP_WIDTH);
    }
}
