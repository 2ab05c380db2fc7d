/* khub: one program, many subcommands (commands.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/commands.h"

/* Where a standard stream was closed, the next file or socket would become it: a line for people
 * would go to a hub, and libuv aborts when it is to close one. 0, or -1. */
static int standard_streams_open(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd)
            return -1;
    return 0;
}

int main(int argc, char **argv)
{
    if (standard_streams_open() < 0)
        return EXIT_FAILED;
    return commands_main(argc, argv);
}
