/* khub version */
#include <jansson.h>
#include <uv.h>

#include "cmd/commands.h"

static int run(const void *settings)
{
    (void)settings;
    printf("khub %s (libuv %s, jansson %s)\n", KHUB_VERSION, uv_version_string(), JANSSON_VERSION);
    return EXIT_WORKED;
}

const struct command command_version = {
    .name = "version",
    .summary = "say which version this is",
    .about = "Prints the version of this program and of the libraries it was made with.",
    .example = "  khub version",
    .worked = "printed",
    .failed = "could not be written",
    .run = run,
};
