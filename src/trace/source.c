/* A plain file is read as it is. What is compressed goes through libarchive, which knows all of
 * gzip, bzip2, xz, Zstandard and zip; it brings a dozen libraries, so it is loaded by who needs
 * it. */
#include "trace/source.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "wire/text.h"

#define READ_SIZE (64u << 10)

#define ARCHIVE_CALLS(X)                                                                           \
    X(archive_read_new)                                                                            \
    X(archive_read_free)                                                                           \
    X(archive_read_support_filter_gzip)                                                            \
    X(archive_read_support_filter_bzip2)                                                           \
    X(archive_read_support_filter_xz)                                                              \
    X(archive_read_support_filter_zstd)                                                            \
    X(archive_read_support_format_raw)                                                             \
    X(archive_read_support_format_zip)                                                             \
    X(archive_read_open_fd)                                                                        \
    X(archive_read_next_header)                                                                    \
    X(archive_read_data)                                                                           \
    X(archive_error_string)                                                                        \
    X(archive_entry_pathname)                                                                      \
    X(archive_entry_filetype)

static struct {
    void *library; /* NULL: not loaded */
#define X(name) typeof(name) *(name);
    ARCHIVE_CALLS(X)
#undef X
} lib;

static bool lib_load(void)
{
    if (lib.library)
        return true;
    void *library = dlopen("libarchive.so.13", RTLD_NOW | RTLD_LOCAL);
    bool whole = library;
#define X(name)                                                                                    \
    *(void **)(void *)&lib.name = whole ? dlsym(library, #name) : NULL;                            \
    whole = whole && lib.name;
    ARCHIVE_CALLS(X)
#undef X
    if (whole)
        lib.library = library;
    else if (library)
        dlclose(library);
    return lib.library;
}

static int failed(struct source *source, const char *what)
{
    snprintf(source->why, TRACE_WHY_SIZE, "%.256s: %.200s", source->path, what);
    return -1;
}

/* How a file begins that is to be decompressed. */
static bool begins_compressed(const unsigned char *bytes, size_t count)
{
    static const struct slice beginnings[] = {SLICE("\x1f\x8b"), SLICE("BZh"),
                                              SLICE("\xfd\x37zXZ\0"), SLICE("\x28\xb5\x2f\xfd"),
                                              SLICE("PK\x03\x04")};
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (count >= beginnings[i].len && memcmp(bytes, beginnings[i].at, beginnings[i].len) == 0)
            return true;
    return false;
}

/* The digest of all that is in the file, and whether it begins as a compressed one. 0 or -1. */
static int look_through(struct source *source, char *ret_digest, bool *ret_compressed)
{
    unsigned char buffer[READ_SIZE], digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ssize_t got = 0;
    bool good = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    for (off_t at = 0; good; at += got) {
        got = pread(source->fd, buffer, sizeof buffer, at);
        if (got <= 0)
            break;
        if (at == 0)
            *ret_compressed = begins_compressed(buffer, (size_t)got);
        good = EVP_DigestUpdate(context, buffer, (size_t)got) == 1;
    }
    int error = errno;
    good = good && EVP_DigestFinal_ex(context, digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    if (got < 0)
        return failed(source, strerror(error));
    if (!good)
        return failed(source, "out of memory");
    hex_format(digest, 32, ret_digest);
    return 0;
}

static int open_archive(struct source *source)
{
    if (!lib_load())
        return failed(source, "it is compressed, and libarchive, which could read that, is not "
                              "here (Debian: apt install libarchive13)");
    source->archive = lib.archive_read_new();
    if (!source->archive)
        return failed(source, "out of memory");
    lib.archive_read_support_filter_gzip(source->archive);
    lib.archive_read_support_filter_bzip2(source->archive);
    lib.archive_read_support_filter_xz(source->archive);
    lib.archive_read_support_filter_zstd(source->archive);
    lib.archive_read_support_format_raw(source->archive);
    lib.archive_read_support_format_zip(source->archive);
    if (lib.archive_read_open_fd(source->archive, source->fd, READ_SIZE) != ARCHIVE_OK)
        return failed(source, lib.archive_error_string(source->archive));
    return 0;
}

int source_open(struct source *source, const char *path, char why[TRACE_WHY_SIZE],
                char ret_digest[TRACE_DIGEST_SIZE])
{
    bool compressed = false;
    *source = (struct source){.path = path, .fd = -1, .entry = "", .why = why};
    /* A FIFO that nobody writes would hold us up for ever. */
    source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (source->fd < 0 || fstat(source->fd, &source->was) != 0)
        return failed(source, strerror(errno));
    if (S_ISDIR(source->was.st_mode))
        return failed(source, "it is a directory, and not a file");
    if (!S_ISREG(source->was.st_mode))
        return failed(source, "it is no regular file");
    if ((uint64_t)source->was.st_size > TRACE_BYTES_MAX)
        return failed(source, "it has more than 8 GiB");
    if (look_through(source, ret_digest, &compressed) < 0)
        return -1;
    return compressed ? open_archive(source) : 0;
}

int source_next(struct source *source)
{
    struct archive_entry *entry;
    if (!source->archive) {
        bool first = !source->begun;
        source->begun = true;
        return first;
    }
    for (;;) {
        int result = lib.archive_read_next_header(source->archive, &entry);
        if (result == ARCHIVE_EOF)
            return 0;
        if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
            const char *why = lib.archive_error_string(source->archive);
            return failed(source, why ? why : "it can't be decompressed");
        }
        if (lib.archive_entry_filetype(entry) != AE_IFREG)
            continue;
        const char *name = lib.archive_entry_pathname(entry);
        source->entry = name && strcmp(name, "data") != 0 ? name : "";
        return 1;
    }
}

ptrdiff_t source_read(struct source *source, void *buffer, size_t size)
{
    ssize_t got;
    if (source->archive) {
        got = (ssize_t)lib.archive_read_data(source->archive, buffer, size);
        if (got < 0) {
            const char *why = lib.archive_error_string(source->archive);
            return failed(source, why ? why : "it can't be decompressed");
        }
    } else {
        do
            got = read(source->fd, buffer, size);
        while (got < 0 && errno == EINTR);
        if (got < 0)
            return failed(source, strerror(errno));
    }
    source->bytes += (uint64_t)got;
    if (source->bytes > TRACE_BYTES_MAX)
        return failed(source, "decompressed it has more than 8 GiB");
    return got;
}

int source_settled(struct source *source)
{
    struct stat now;
    if (fstat(source->fd, &now) != 0)
        return failed(source, strerror(errno));
    if (now.st_size != source->was.st_size || now.st_mtim.tv_sec != source->was.st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != source->was.st_mtim.tv_nsec)
        return failed(source, "it changed while it was read");
    return 0;
}

void source_close(struct source *source)
{
    if (source->archive)
        lib.archive_read_free(source->archive);
    if (source->fd >= 0)
        close(source->fd);
    *source = (struct source){.fd = -1};
}
