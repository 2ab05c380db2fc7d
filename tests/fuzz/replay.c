/* A fuzz target without a fuzzer: runs it over the files of a corpus, so that every build, by any
 * compiler, keeps what fuzzing has found. Arguments: directories and files. Fails when there is
 * nothing to run. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX (4u << 20) /* bytes of one file */

static unsigned runs;

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    static uint8_t room[INPUT_MAX];
    size_t size = fread(room, 1, sizeof room, file);
    fclose(file);
    /* exactly its size, so that a sanitizer sees any byte read beyond it */
    uint8_t *input = malloc(size ? size : 1);
    if (!input)
        exit(1);
    memcpy(input, room, size);
    fprintf(stderr, "%s\n", path); /* the last one named is the one that fails */
    LLVMFuzzerTestOneInput(input, size);
    free(input);
    runs++;
}

static void run_folder(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[4096];
        if (entries[i]->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
            run_file(path);
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

int main(int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        struct stat about;
        if (stat(arguments[i], &about) == 0 && S_ISDIR(about.st_mode))
            run_folder(arguments[i]);
        else
            run_file(arguments[i]);
    }
    printf("%u inputs\n", runs);
    return runs > 0 ? 0 : 1;
}
