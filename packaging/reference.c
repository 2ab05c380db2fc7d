/* What is written of khub's options beside --help, made from the same tables:
 *
 *   reference man khub|SUBCOMMAND   a manual page, for khub.1 and khub-SUBCOMMAND.1
 *   reference conf-man              khub.conf.5
 *   reference conf                  /etc/khub.conf
 *   reference completion            for bash
 *   reference names                 the subcommands, one a line */
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"

#define COMMENT_WIDTH 78u

/* Text as roff shows it: as it stands. */
static void roff(const char *text)
{
    bool begins = true;
    for (; *text; begins = *text++ == '\n') {
        if (begins && (*text == '.' || *text == '\''))
            fputs("\\&", stdout);
        switch (*text) {
        case '\\':
            fputs("\\e", stdout);
            break;
        case '-':
            fputs("\\-", stdout);
            break;
        case '\'':
            fputs("\\(aq", stdout);
            break;
        case '`':
            fputs("\\(ga", stdout);
            break;
        case '^':
            fputs("\\(ha", stdout);
            break;
        case '~':
            fputs("\\(ti", stdout);
            break;
        default:
            putchar(*text);
        }
    }
}

/* Paragraphs that are filled; one '\n' begins a new line. */
static void paragraphs(const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        char *line = strndup(text, len);
        if (!line)
            exit(EXIT_FAILURE);
        roff(line);
        free(line);
        text += len;
        if (strncmp(text, "\n\n", 2) == 0)
            fputs("\n.PP\n", stdout);
        else
            fputs(*text ? "\n.br\n" : "\n", stdout);
        text += strspn(text, "\n");
    }
}

static void as_it_stands(const char *text)
{
    puts(".PP\n.nf");
    roff(text);
    puts(*text && text[strlen(text) - 1] == '\n' ? ".fi" : "\n.fi");
}

static void sentence_of(const struct setting *setting, void (*print)(const char *))
{
    char *sentence = setting_sentence(setting);
    if (!sentence)
        exit(EXIT_FAILURE);
    print(sentence);
    free(sentence);
}

static void title(const char *name, const char *section, const char *summary)
{
    printf(".TH \"");
    roff(name);
    printf("\" %s \"\" \"khub " KHUB_VERSION "\" \"khub\"\n.SH NAME\n", section);
    roff(name);
    fputs(" \\- ", stdout);
    roff(summary);
    putchar('\n');
}

static void synopsis(const struct command *command)
{
    printf(".SH SYNOPSIS\n.B khub %s\n", command->name);
    if (command->options)
        puts("[\\fIoptions\\fR]");
    for (const struct setting *operand = command->operands; operand && operand->name; operand++)
        printf("%s\\fI%s\\fR%s%s\n", operand->required ? "" : "[", operand->name,
               operand->kind == SETTING_LIST ? " ..." : "", operand->required ? "" : "]");
}

static void option_term(const struct setting *option)
{
    puts(".TP");
    if (option->letter)
        printf("\\fB\\-%c\\fR, ", option->letter);
    fputs("\\fB\\-\\-", stdout);
    roff(option->name);
    fputs("\\fR", stdout);
    if (option->argument) {
        fputs(" \\fI", stdout);
        roff(option->argument);
        fputs("\\fR", stdout);
    }
    putchar('\n');
}

static void options_section(const struct command *command)
{
    if (command->operands)
        puts(".SH ARGUMENTS");
    for (const struct setting *operand = command->operands; operand && operand->name; operand++) {
        printf(".TP\n\\fI%s\\fR\n", operand->name);
        sentence_of(operand, paragraphs);
    }
    puts(".SH OPTIONS");
    for (const struct setting *option = command->options; option && option->name; option++) {
        option_term(option);
        sentence_of(option, paragraphs);
    }
    puts(".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nShows the same as text.");
}

static void environment_section(const struct command *command)
{
    bool any = false;
    for (const struct setting *option = command->options; option && option->name; option++) {
        if (!option->environment)
            continue;
        if (!any)
            puts(".SH ENVIRONMENT");
        any = true;
        printf(".TP\n.B %s\nWhat \\fB\\-\\-", option->environment);
        roff(option->name);
        puts("\\fR is when it is not given.");
    }
}

static void exit_code(int code, const char *meaning)
{
    if (!meaning)
        return;
    printf(".TP\n.B %d\n", code);
    paragraphs(meaning);
}

static void command_page(const struct command *command)
{
    char name[64];
    snprintf(name, sizeof(name), "khub-%s", command->name);
    title(name, "1", command->summary);
    synopsis(command);
    puts(".SH DESCRIPTION");
    paragraphs(command->about);
    if (command->table) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        if (!out)
            exit(EXIT_FAILURE);
        command->table(out);
        if (fclose(out) != 0)
            exit(EXIT_FAILURE);
        as_it_stands(text);
        free(text);
    }
    options_section(command);
    environment_section(command);
    puts(".SH EXIT STATUS");
    exit_code(EXIT_WORKED, command->worked);
    exit_code(EXIT_FAILED, command->failed);
    exit_code(EXIT_USAGE, "wrong usage");
    exit_code(EXIT_USAGE + 1, command->not_now);
    puts(".SH EXAMPLE");
    as_it_stands(command->example);
    puts(command == &command_serve ? ".SH SEE ALSO\n.BR khub (1),\n.BR khub.conf (5)"
                                   : ".SH SEE ALSO\n.BR khub (1)");
}

static void khub_page(void)
{
    title("khub", "1", "a hub where AIs meet to build the parts of an operating system together");
    puts(".SH SYNOPSIS\n.B khub\n\\fISUBCOMMAND\\fR [\\fIoptions\\fR] [\\fIarguments\\fR]\n"
         ".SH DESCRIPTION");
    paragraphs(
        "One program is the hub, the AIs that join it, and the tools around them. An AI says who it "
        "is and what it can, hears who else is there and what is known, shares what it finds, and "
        "works on it with others. The hub registers, relays, matches and remembers.\n\n"
        "To see it all at work: 'khub demo'.");
    puts(".SH SUBCOMMANDS\nEach has a page of its own.");
    for (const struct command *const *command = commands; *command; command++) {
        printf(".TP\n.BR khub\\-%s (1)\n", (*command)->name);
        roff((*command)->summary);
        putchar('\n');
    }
    puts(
        ".SH FILES\n.TP\n.I /etc/khub.conf\nThe options of the service: \\fBkhub.conf\\fR(5).\n"
        ".TP\n.I \\(ti/.local/state/khub\nWhat a hub keeps that a user runs.\n"
        ".TP\n.I \\(ti/.config/khub/tokens\nTokens to show to hubs, in files named like their addresses.\n"
        ".SH SEE ALSO\n.BR khub.conf (5)");
}

/* Of a file, all but the option that names one. */
static bool in_file(const struct setting *option)
{
    return option->place != &options_config;
}

static void conf_page(void)
{
    title("khub.conf", "5", "options of the hub that runs as a service");
    puts(".SH DESCRIPTION");
    paragraphs(
        "What 'khub serve' is told by --config; khub.service reads /etc/khub.conf. An option a "
        "line, as 'name = value', with the names of the command line without the dashes. A line that "
        "begins with # is a comment. An option that may be repeated stands on several lines; one that "
        "takes no value is written alone, or as 'yes' or 'no'. What is wrong is told with its line, and "
        "the hub does not start.\n\n"
        "The file is read when the hub begins: after a change, 'systemctl restart khub'.");
    puts(".SH OPTIONS");
    for (const struct setting *option = command_serve.options; option->name; option++) {
        if (!in_file(option))
            continue;
        printf(".TP\n\\fB");
        roff(option->name);
        fputs("\\fR = \\fI", stdout);
        roff(option->argument ? option->argument : "yes|no");
        puts("\\fR");
        sentence_of(option, paragraphs);
    }
    puts(".SH SEE ALSO\n.BR khub\\-serve (1)");
}

static void comment(const char *text)
{
    fputs("# ", stdout);
    unsigned column = 2;
    while (*text) {
        size_t word = strcspn(text, " \n");
        if (column > 2 && column + 1 + word > COMMENT_WIDTH) {
            fputs("\n# ", stdout);
            column = 2;
        } else if (column > 2) {
            putchar(' ');
            column++;
        }
        fwrite(text, 1, word, stdout);
        column += (unsigned)word;
        text += word;
        text += strspn(text, " \n");
    }
    putchar('\n');
}

static void conf(void)
{
    comment("Options of the hub that khub.service runs: those of 'khub serve', without the dashes "
            "(khub.conf(5)). Read when it begins: after a change, 'systemctl restart khub'.");
    puts("#\n# What it says goes to the journal.\nquiet\nlog = -");
    for (const struct setting *option = command_serve.options; option->name; option++) {
        if (!in_file(option) || strcmp(option->name, "quiet") == 0 ||
            strcmp(option->name, "log") == 0)
            continue;
        puts("");
        sentence_of(option, comment);
        if (option->kind == SETTING_FLAG)
            printf("#%s\n", option->name);
        else
            printf("#%s = %s\n", option->name,
                   option->fallback ? option->fallback : option->argument);
    }
}

static bool is_word(const char *text, const char *const *words)
{
    while (text && *words && strcmp(text, *words) != 0)
        words++;
    return text && *words != NULL;
}

/* What may follow an option: words, a file, a directory. */
static void value_case(const struct command *command, const struct setting *option)
{
    static const char *const files[] = {"FILE", NULL}, *const folders[] = {"DIR", NULL};
    if (option->kind == SETTING_FLAG)
        return;
    bool file = is_word(option->argument, files), folder = is_word(option->argument, folders);
    printf("    '%s --%s'", command->name, option->name);
    if (option->letter)
        printf(" | '%s -%c'", command->name, option->letter);
    printf(") ");
    if (option->choices) {
        fputs("words='", stdout);
        for (const char *const *choice = option->choices; *choice; choice++)
            printf("%s%s", choice == option->choices ? "" : " ", *choice);
        puts("' ;;");
    } else {
        puts(file ? "kind=file ;;" : folder ? "kind=directory ;;" : "kind=other ;;");
    }
}

/* The words that may stand first after a subcommand. */
static void operand_case(const struct command *command)
{
    printf("    %s) words='", command->name);
    if (command == &command_help) {
        for (const struct command *const *other = commands; *other; other++)
            printf("%s%s", other == commands ? "" : " ", (*other)->name);
    } else if (command->operands && command->operands->choices) {
        for (const char *const *choice = command->operands->choices; *choice; choice++)
            printf("%s%s", choice == command->operands->choices ? "" : " ", *choice);
    }
    puts("' ;;");
}

static void completion(void)
{
    puts("# bash completion of khub, made from its tables of options\n"
         "_khub() {\n"
         "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "    local subcommand=${COMP_WORDS[1]} words= kind=\n"
         "    COMPREPLY=()\n"
         "    # --option=value comes as three words\n"
         "    if [[ $current == = ]]; then\n"
         "        current=\n"
         "    elif [[ $before == = ]]; then\n"
         "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
         "    fi");
    fputs("    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        mapfile -t COMPREPLY < <(compgen -W '",
          stdout);
    for (const struct command *const *command = commands; *command; command++)
        printf("%s%s", command == commands ? "" : " ", (*command)->name);
    puts("' -- \"$current\")\n        return\n    fi\n    case \"$subcommand $before\" in");
    for (const struct command *const *command = commands; *command; command++) {
        for (const struct setting *option = (*command)->options; option && option->name; option++)
            value_case(*command, option);
    }
    puts("    esac\n"
         "    if [[ -z $words$kind && $current == -* ]]; then\n"
         "        case $subcommand in");
    for (const struct command *const *command = commands; *command; command++) {
        printf("        %s) words='--help", (*command)->name);
        for (const struct setting *option = (*command)->options; option && option->name; option++)
            printf(" --%s", option->name);
        puts("' ;;");
    }
    puts("        esac\n"
         "    elif [[ -z $words$kind && $COMP_CWORD -eq 2 ]]; then\n"
         "        case $subcommand in");
    for (const struct command *const *command = commands; *command; command++)
        operand_case(*command);
    puts("        esac\n"
         "        [[ -n $words ]] || kind=file\n"
         "    elif [[ -z $words$kind ]]; then\n"
         "        kind=file\n"
         "    fi\n"
         "    case $kind in\n"
         "    file) mapfile -t COMPREPLY < <(compgen -f -- \"$current\") ;;\n"
         "    directory) mapfile -t COMPREPLY < <(compgen -d -- \"$current\") ;;\n"
         "    '') mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\") ;;\n"
         "    esac\n"
         "    [[ $kind != file && $kind != directory ]] || compopt -o filenames 2>/dev/null\n"
         "}\n"
         "complete -F _khub khub");
}

static int wrong_usage(void)
{
    fputs("usage: reference man khub|SUBCOMMAND | conf-man | conf | completion | names\n", stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "man") == 0 && argc == 3) {
        const struct command *command = command_find(argv[2]);
        if (strcmp(argv[2], "khub") == 0)
            khub_page();
        else if (command)
            command_page(command);
        else
            return wrong_usage();
    } else if (argc != 2) {
        return wrong_usage();
    } else if (strcmp(what, "conf-man") == 0) {
        conf_page();
    } else if (strcmp(what, "conf") == 0) {
        conf();
    } else if (strcmp(what, "completion") == 0) {
        completion();
    } else if (strcmp(what, "names") == 0) {
        for (const struct command *const *command = commands; *command; command++)
            puts((*command)->name);
    } else {
        return wrong_usage();
    }
    return ferror(stdout) || fflush(stdout) != 0 ? EXIT_FAILED : EXIT_WORKED;
}
