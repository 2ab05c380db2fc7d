/* See lab.h. */
#include "tls/lab.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HERE "DNS:localhost,IP:127.0.0.1,IP:::1"
#define DAY  (24l * 3600)

/* X(name, issuer's name or its own, subject, its names, days from now until it ends) */
#define PEOPLE(X)                                                                                  \
    X("ca", "ca", "a lab", NULL, 30)                                                               \
    X("other", "other", "another lab", NULL, 30)                                                   \
    X("hub", "ca", "hub", HERE, 30)                                                                \
    X("renewed", "ca", "hub", HERE, 30)                                                            \
    X("impostor", "other", "hub", HERE, 30)                                                        \
    X("elsewhere", "ca", "hub", "DNS:elsewhere.example", 30)                                       \
    X("expired", "ca", "hub", HERE, -1)                                                            \
    X("ada", "ca", "ada", NULL, 30)                                                                \
    X("stranger", "other", "ada", NULL, 30)

static const struct person {
    const char *name, *issuer, *subject, *hosts;
    long days;
} people[] = {
#define X(name, issuer, subject, hosts, days) {name, issuer, subject, hosts, days},
    PEOPLE(X)
#undef X
};
#define PEOPLE_COUNT (sizeof people / sizeof *people)

struct made {
    EVP_PKEY *key;
    X509 *cert;
};

static void must(bool worked, const char *what)
{
    if (worked)
        return;
    fprintf(stderr, "lab: %s failed\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static void extend(X509 *cert, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    must(extension && X509_add_ext(cert, extension, -1), value);
    X509_EXTENSION_free(extension);
}

static struct made make(const struct person *person, const struct made *issuer, long serial)
{
    struct made made = {EVP_EC_gen("P-256"), X509_new()};
    X509_NAME *name = X509_get_subject_name(made.cert);
    bool own = person->issuer == person->name;
    if (own)
        issuer = &made;
    must(made.key && X509_set_version(made.cert, X509_VERSION_3), "a key");
    ASN1_INTEGER_set(X509_get_serialNumber(made.cert), serial);
    X509_gmtime_adj(X509_getm_notBefore(made.cert), -60 * DAY);
    X509_gmtime_adj(X509_getm_notAfter(made.cert), person->days * DAY);
    X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                               (const unsigned char *)person->subject, -1, -1, 0);
    X509_set_issuer_name(made.cert, X509_get_subject_name(issuer->cert));
    X509_set_pubkey(made.cert, made.key);
    extend(made.cert, issuer->cert, NID_basic_constraints, own ? "critical,CA:TRUE" : "CA:FALSE");
    extend(made.cert, issuer->cert, NID_subject_key_identifier, "hash");
    if (person->hosts)
        extend(made.cert, issuer->cert, NID_subject_alt_name, person->hosts);
    must(X509_sign(made.cert, issuer->key, EVP_sha256()) > 0, "a signature");
    return made;
}

static FILE *file_open(const char *directory, const char *name, const char *end)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.%s", directory, name, end);
    FILE *file = fopen(path, "we");
    must(file != NULL && chmod(path, 0600) == 0, path);
    return file;
}

void lab_make(const char *directory)
{
    struct made made[PEOPLE_COUNT];
    for (size_t i = 0; i < PEOPLE_COUNT; i++) {
        const struct person *person = &people[i];
        size_t issuer = 0;
        while (strcmp(people[issuer].name, person->issuer) != 0)
            issuer++;
        made[i] = make(person, &made[issuer], (long)i + 1);
        FILE *cert = file_open(directory, person->name, "pem");
        FILE *key = file_open(directory, person->name, "key");
        must(PEM_write_X509(cert, made[i].cert) &&
                 PEM_write_PKCS8PrivateKey(key, made[i].key, NULL, NULL, 0, NULL, NULL),
             person->name);
        must(fclose(cert) == 0 && fclose(key) == 0, "writing");
    }
    for (size_t i = 0; i < PEOPLE_COUNT; i++) {
        EVP_PKEY_free(made[i].key);
        X509_free(made[i].cert);
    }
}
