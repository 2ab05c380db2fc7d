/* Traces of real machines, out of files as others wrote them (docs/TRACES.md).
 *
 * A file is streamed: what is kept of it is the records' numbers, at most TRACE_VALUES_MAX of them.
 * It may be compressed (gzip, bzip2, xz, Zstandard) or a zip archive, whose files are read one
 * after the other. It may be broken or hostile: then the sentence says where, what was found and
 * what was wanted. */
#ifndef KHUB_TRACE_READ_H
#define KHUB_TRACE_READ_H

#include "policy/trace.h"

#define TRACE_WHY_SIZE   512u
#define TRACE_VALUES_MAX ((size_t)1 << 25)   /* 256 MiB of them */
#define TRACE_BYTES_MAX  ((uint64_t)8 << 30) /* of a file, and of what it is when decompressed */

/* Reads the records of one kind out of a file. format: one of trace_format_names; NULL: it is found
 * out. To be freed; NULL and a sentence, which begins with the path and may hold any bytes of it,
 * when it can't be read. */
struct trace *trace_read(const char *path, enum trace_kind kind, const char *format,
                         char ret_why[TRACE_WHY_SIZE]);
void trace_free(struct trace *trace); /* NULL is fine */

/* The names of the formats of a kind, as "text, u32le, u32be"; "" when there are none. */
void trace_format_names(enum trace_kind kind, char *buffer, size_t size);

/* What stands for several traces in this order: the digest of one, else SHA-256 over the digests as
 * they are written. 0, or -1 when out of memory. */
int trace_identity(const struct trace *const *traces, size_t count,
                   char ret_digest[TRACE_DIGEST_SIZE]);

#endif
