#include "cmd/out_directory.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/visit.h"

int out_directory_make(const char *command, const char *path, bool force, bool *ret_made)
{
    struct stat there;
    bool made = mkdir(path, 0777) == 0;
    if (!made && errno != EEXIST)
        return complain(command, "can't make the directory %s: %s", path, strerror(errno));
    if (!made && stat(path, &there) == 0 && !S_ISDIR(there.st_mode))
        return complain(command,
                        "%s is there already, and is no directory; name another with --out", path);
    if (!made && !force)
        return complain(command,
                        "%s is there already; name another with --out, or say --force to write "
                        "into it",
                        path);
    if (access(path, W_OK | X_OK) != 0)
        return complain(command, "can't write into %s: %s", path, strerror(errno));
    *ret_made = made;
    return EXIT_WORKED;
}
