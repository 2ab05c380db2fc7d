/* audit.db itself, for audit.c. */
#ifndef KHUB_AUTH_AUDIT_FILE_H
#define KHUB_AUTH_AUDIT_FILE_H

#include "auth/audit.h"

struct sqlite3;
struct sqlite3_stmt;

struct audit_file {
    struct sqlite3 *handle; /* NULL: it is not open */
    struct sqlite3_stmt *insert, *let_go;
};

/* Opens or makes it. 0, or -1 with a sentence: nothing is open. */
int audit_file_open(struct audit_file *file, const char *directory, char ret_why[AUDIT_WHY_SIZE]);
/* Begins a transaction; ends it, well or not: 0, or -1 with a sentence. What is beyond
 * AUDIT_ACCESSES_KEPT goes with one that ends well. */
int audit_file_begin(struct audit_file *file, char ret_why[AUDIT_WHY_SIZE]);
int audit_file_end(struct audit_file *file, bool well, char ret_why[AUDIT_WHY_SIZE]);
/* A row more, in the transaction. */
int audit_file_add(struct audit_file *file, const struct audit_note *note,
                   char ret_why[AUDIT_WHY_SIZE]);
void audit_file_close(struct audit_file *file);

#endif
