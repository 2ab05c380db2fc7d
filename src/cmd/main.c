/* khub: one program, many subcommands (commands.h). */
#include "cmd/commands.h"

int main(int argc, char **argv)
{
    return commands_main(argc, argv);
}
