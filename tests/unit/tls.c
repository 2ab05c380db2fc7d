/* Certificates and keys: how they are known, made, and refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/lab_folder.h"
#include "tls/tls.h"

static X509 *cert_of(const char *name)
{
    char path[256];
    FILE *file = fopen(in_folder(name, path), "re");
    assert_non_null(file);
    X509 *cert = PEM_read_X509(file, NULL, NULL, NULL);
    assert_non_null(cert);
    fclose(file);
    return cert;
}

/* A context of these files; what is said against them, or "". */
static const char *why_not(const char *cert, const char *key, const char *client_ca)
{
    static char why[TLS_WHY_SIZE];
    char paths[3][256], fingerprint[TLS_FINGERPRINT_SIZE];
    const struct tls_server_files files = {.cert = in_folder(cert, paths[0]),
                                           .key = in_folder(key, paths[1]),
                                           .client_ca =
                                               client_ca ? in_folder(client_ca, paths[2]) : NULL};
    why[0] = '\0';
    struct ssl_ctx_st *context = tls_server_context(&files, fingerprint, why, sizeof why);
    assert_int_equal(context == NULL, why[0] != '\0');
    tls_context_free(context);
    return why;
}

#define SHOWN                                                                                      \
    "4d:00:99:B2:4d:00:99:B2:4d:00:99:B2:4d:00:99:B2:4d:00:99:B2:4d:00:99:B2:4d:00:99:B2:4d:00:99:B2"
#define PLAIN "4d0099b24d0099b24d0099b24d0099b24d0099b24d0099b24d0099b24d0099b2"

static void a_fingerprint_is_read_as_it_is_written(void **state)
{
    (void)state;
    static const char *const good[] = {SHOWN, PLAIN, "sha256:" PLAIN, "SHA256:" SHOWN};
    static const char *const bad[] = {"",         "sha256:", PLAIN "00",   ":" PLAIN,
                                      PLAIN ":",  PLAIN " ", "md5:" PLAIN, "sha256:sha256:" PLAIN,
                                      "4d0099b2", "4g" PLAIN};
    uint8_t digest[TLS_DIGEST_SIZE];
    char text[TLS_FINGERPRINT_SIZE];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        memset(digest, 0, sizeof digest);
        assert_int_equal(tls_fingerprint_parse(good[i], digest), 0);
        assert_string_equal(tls_fingerprint_format(digest, text), "sha256:" PLAIN);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(tls_fingerprint_parse(bad[i], digest), -1);
}

static void a_pair_is_made_once_and_is_good(void **state)
{
    (void)state;
    static const char *const hosts[] = {"hub.example", "10.1.2.3", "fd00::7"};
    char directory[256], path[256], fingerprint[TLS_FINGERPRINT_SIZE], text[TLS_FINGERPRINT_SIZE];
    char why[TLS_WHY_SIZE] = "";
    const struct tls_pair_wish wish = {
        .directory = in_folder("pair", directory), .hosts = hosts, .host_count = 3, .days = 9};
    mode_t before = umask(0);
    assert_int_equal(tls_make_pair(&wish, fingerprint, why, sizeof why), 0);
    umask(before);
    struct stat status;
    assert_int_equal(stat(in_folder("pair/key.pem", path), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(stat(directory, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    assert_string_equal(why_not("pair/cert.pem", "pair/key.pem", "pair/cert.pem"), "");

    X509 *cert = cert_of("pair/cert.pem");
    uint8_t digest[TLS_DIGEST_SIZE];
    assert_int_equal(tls_digest(cert, digest), 0);
    assert_string_equal(tls_fingerprint_format(digest, text), fingerprint);
    assert_int_equal(X509_check_host(cert, "hub.example", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(cert, "10.1.2.3", 0), 1);
    assert_int_equal(X509_check_ip_asc(cert, "fd00::7", 0), 1);
    assert_int_equal(X509_check_host(cert, "10.1.2.3", 0, 0, NULL), 0);
    int days, seconds;
    assert_int_equal(ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)), 1);
    assert_true(days == 8 || days == 9);
    char *owner = tls_owner(cert);
    assert_string_equal(owner, "hub.example");
    free(owner);
    X509_free(cert);

    assert_int_equal(tls_make_pair(&wish, text, why, sizeof why), -1);
    assert_non_null(strstr(why, "what is there stays"));
    assert_string_equal(why_not("pair/cert.pem", "pair/key.pem", NULL), "");
}

static void hosts_that_would_say_more_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a,DNS:b", "a:b", "a b", "a\n", "é.example", "email:x"};
    char directory[256], fingerprint[TLS_FINGERPRINT_SIZE], why[TLS_WHY_SIZE];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct tls_pair_wish wish = {
            .directory = in_folder("no", directory), .hosts = &bad[i], .host_count = 1, .days = 1};
        assert_int_equal(tls_make_pair(&wish, fingerprint, why, sizeof why), -1);
        assert_non_null(strstr(why, "neither the name of a host"));
    }
    assert_int_equal(access(directory, F_OK), -1);
}

static void a_key_that_others_may_read_is_none(void **state)
{
    (void)state;
    static const mode_t good[] = {0600, 0400, 0700}, bad[] = {0604, 0644, 0602, 0601, 0620, 0666};
    char path[256];
    in_folder("hub.key", path);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(chmod(path, good[i]), 0);
        assert_string_equal(why_not("hub.pem", "hub.key", NULL), "");
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(chmod(path, bad[i]), 0);
        assert_non_null(strstr(why_not("hub.pem", "hub.key", NULL), "may be read by others"));
    }
    assert_int_equal(chmod(path, 0640), 0); /* its group may, if it is root's */
    assert_int_equal(strstr(why_not("hub.pem", "hub.key", NULL), "others") == NULL, getuid() == 0);
    assert_int_equal(chmod(path, 0600), 0);
    if (getuid() == 0) {
        assert_int_equal(chown(path, 12345, 0), 0);
        assert_non_null(strstr(why_not("hub.pem", "hub.key", NULL), "another user (uid 12345)"));
        assert_int_equal(chown(path, 0, 0), 0);
    }
}

static void files_that_are_not_what_they_should_be_are_named(void **state)
{
    (void)state;
    char path[256];
    assert_non_null(strstr(why_not("hub.pem", "ada.key", NULL), "ada.key' is not that of"));
    assert_non_null(strstr(why_not("hub.key", "hub.key", NULL), "hub.key' is no certificate"));
    assert_non_null(strstr(why_not("hub.pem", "hub.pem", NULL), "hub.pem' is no private key"));
    assert_non_null(strstr(why_not("hub.pem", "none", NULL), "none': No such file"));
    assert_non_null(
        strstr(why_not("none", "hub.key", NULL), "none' is no certificate in PEM: No such"));
    assert_non_null(strstr(why_not("hub.pem", "hub.key", "hub.key"), "hub.key' holds no"));
    assert_int_equal(mkfifo(in_folder("pipe", path), 0600), 0);
    int held = open(path, O_RDWR | O_CLOEXEC); /* so that opening it does not wait */
    assert_non_null(strstr(why_not("hub.pem", "pipe", NULL), "is no file"));
    close(held);

    FILE *file = fopen(in_folder("locked.key", path), "we");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_int_equal(
        PEM_write_PKCS8PrivateKey(file, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL), 1);
    EVP_PKEY_free(key);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
    assert_non_null(strstr(why_not("hub.pem", "locked.key", NULL), "locked with a passphrase"));
}

static char *owner_named(const char *name, int len)
{
    X509 *cert = X509_new();
    X509_NAME_add_entry_by_NID(X509_get_subject_name(cert), NID_commonName, MBSTRING_UTF8,
                               (const unsigned char *)name, len, -1, 0);
    char *owner = tls_owner(cert);
    X509_free(cert);
    return owner;
}

static void a_name_that_hides_something_is_none(void **state)
{
    (void)state;
    char *owner = owner_named("ada", 3);
    assert_string_equal(owner, "ada");
    free(owner);
    assert_null(owner_named("ada\0eve", 7));
    X509 *nameless = X509_new();
    assert_null(tls_owner(nameless));
    X509_free(nameless);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fingerprint_is_read_as_it_is_written),
        cmocka_unit_test(a_pair_is_made_once_and_is_good),
        cmocka_unit_test(hosts_that_would_say_more_are_refused),
        cmocka_unit_test(a_key_that_others_may_read_is_none),
        cmocka_unit_test(files_that_are_not_what_they_should_be_are_named),
        cmocka_unit_test(a_name_that_hides_something_is_none),
    };
    return cmocka_run_group_tests(tests, lab_folder_make, lab_folder_remove);
}
