/* Certificates: how one is named and known, and how a hub of a lab makes its own. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls/tls.h"
#include "wire/text.h"

/* ── how one is known ── */

int tls_digest(const X509 *cert, uint8_t ret_digest[TLS_DIGEST_SIZE])
{
    unsigned len = TLS_DIGEST_SIZE;
    return cert && X509_digest(cert, EVP_sha256(), ret_digest, &len) == 1 ? 0 : -1;
}

#define FINGERPRINT_PREFIX "sha256:"

const char *tls_fingerprint_format(const uint8_t digest[TLS_DIGEST_SIZE],
                                   char buffer[TLS_FINGERPRINT_SIZE])
{
    memcpy(buffer, FINGERPRINT_PREFIX, sizeof FINGERPRINT_PREFIX);
    hex_format(digest, TLS_DIGEST_SIZE, buffer + strlen(FINGERPRINT_PREFIX));
    return buffer;
}

static int hex_value(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = digit ? strchr(digits, tolower((unsigned char)digit)) : NULL;
    return found ? (int)(found - digits) : -1;
}

int tls_fingerprint_parse(const char *text, uint8_t ret_digest[TLS_DIGEST_SIZE])
{
    uint8_t digest[TLS_DIGEST_SIZE];
    if (strncasecmp(text, FINGERPRINT_PREFIX, strlen(FINGERPRINT_PREFIX)) == 0)
        text += strlen(FINGERPRINT_PREFIX);
    for (size_t i = 0; i < sizeof digest; i++) {
        if (i > 0 && *text == ':')
            text++;
        int high = hex_value(text[0]), low = high < 0 ? -1 : hex_value(text[1]);
        if (low < 0)
            return -1;
        digest[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    if (*text)
        return -1;
    memcpy(ret_digest, digest, sizeof digest);
    return 0;
}

char *tls_owner(const X509 *cert)
{
    X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    unsigned char *name = NULL;
    if (at < 0)
        return NULL;
    int len =
        ASN1_STRING_to_UTF8(&name, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    char *owner = NULL;
    /* A NUL inside would hide the rest of it from whoever reads on. */
    if (len > 0 && len <= (int)TLS_NAME_MAX && !memchr(name, 0, (size_t)len))
        owner = strndup((const char *)name, (size_t)len);
    OPENSSL_free(name);
    return owner;
}

/* ── making one ── */

static int fails(char *ret_why, size_t size, const char *what)
{
    char sentence[256];
    tls_sentence(sentence, sizeof sentence);
    snprintf(ret_why, size, "%s: %s", what, sentence);
    return -1;
}

static int extend(X509 *cert, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    int added = extension ? X509_add_ext(cert, extension, -1) : 0;
    X509_EXTENSION_free(extension);
    return added ? 0 : -1;
}

/* A comma or a colon would end the name in what OpenSSL reads. */
static bool host_fits(const char *host)
{
    struct in6_addr v6;
    size_t len = strlen(host);
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return true;
    return len > 0 && len <= 64 &&
           strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.*") ==
               len;
}

static int extend_hosts(X509 *cert, const struct tls_pair_wish *wish)
{
    struct text names = {0};
    struct in6_addr any;
    for (size_t i = 0; i < wish->host_count; i++) {
        const char *host = wish->hosts[i];
        bool numeric = inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
        text_addf(&names, "%s%s:%s", i ? "," : "", numeric ? "IP" : "DNS", host);
    }
    text_add(&names, (struct slice){"", 1});
    int extended = names.failed ? -1 : extend(cert, NID_subject_alt_name, names.at);
    text_free(&names);
    return extended;
}

static int fill(X509 *cert, EVP_PKEY *key, const struct tls_pair_wish *wish)
{
    unsigned char serial[16];
    X509_NAME *subject = X509_get_subject_name(cert);
    BIGNUM *number = NULL;
    if (RAND_bytes(serial, sizeof serial) != 1)
        return -1;
    serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40); /* positive, and never short */
    number = BN_bin2bn(serial, sizeof serial, NULL);
    bool numbered = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
    BN_free(number);
    return numbered && X509_set_version(cert, X509_VERSION_3) == 1 &&
                   X509_gmtime_adj(X509_getm_notBefore(cert), -300) && /* clocks differ */
                   X509_time_adj_ex(X509_getm_notAfter(cert), (int)wish->days, 0, NULL) &&
                   X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                              (const unsigned char *)wish->hosts[0], -1, -1,
                                              0) == 1 &&
                   X509_set_issuer_name(cert, subject) == 1 && X509_set_pubkey(cert, key) == 1 &&
                   extend(cert, NID_basic_constraints, "critical,CA:FALSE") == 0 &&
                   extend(cert, NID_key_usage, "critical,digitalSignature") == 0 &&
                   extend(cert, NID_ext_key_usage, "serverAuth,clientAuth") == 0 &&
                   extend(cert, NID_subject_key_identifier, "hash") == 0 &&
                   extend_hosts(cert, wish) == 0 && X509_sign(cert, key, EVP_sha256()) > 0
               ? 0
               : -1;
}

/* A new file that was not there, and is whole, or is not there. */
static int file_write(const char *path, mode_t mode, EVP_PKEY *key, X509 *cert, char *ret_why,
                      size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file) {
        snprintf(ret_why, size, "could not make '%s': %s%s", path, strerror(errno),
                 errno == EEXIST ? "; what is there stays" : "");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (key)
        setvbuf(file, NULL, _IONBF, 0);
    int written = key ? PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL)
                      : PEM_write_X509(file, cert);
    bool synced = fflush(file) == 0 && fsync(fd) == 0;
    if (fclose(file) == 0 && synced && written == 1)
        return 0;
    snprintf(ret_why, size, "could not write '%s': %s", path, strerror(errno));
    unlink(path);
    return -1;
}

static int pair_write(const char *directory, EVP_PKEY *key, X509 *cert, char *ret_why, size_t size)
{
    char key_path[4096], cert_path[4096];
    if (snprintf(key_path, sizeof key_path, "%s/key.pem", directory) >= (int)sizeof key_path ||
        snprintf(cert_path, sizeof cert_path, "%s/cert.pem", directory) >= (int)sizeof cert_path) {
        snprintf(ret_why, size, "the path '%.100s…' is too long", directory);
        return -1;
    }
    if (mkdir(directory, 0700) < 0 && errno != EEXIST) {
        snprintf(ret_why, size, "could not make the directory '%s': %s", directory,
                 strerror(errno));
        return -1;
    }
    if (file_write(key_path, 0600, key, NULL, ret_why, size) < 0)
        return -1;
    if (file_write(cert_path, 0644, NULL, cert, ret_why, size) == 0)
        return 0;
    unlink(key_path);
    return -1;
}

int tls_make_pair(const struct tls_pair_wish *wish, char ret_fingerprint[TLS_FINGERPRINT_SIZE],
                  char *ret_why, size_t size)
{
    for (size_t i = 0; i < wish->host_count; i++)
        if (!host_fits(wish->hosts[i])) {
            snprintf(ret_why, size,
                     "'%s' is neither the name of a host (1 to 64 bytes) nor an "
                     "address",
                     wish->hosts[i]);
            return -1;
        }
    uint8_t digest[TLS_DIGEST_SIZE];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    int made = -1;
    if (!key || !cert || fill(cert, key, wish) < 0)
        fails(ret_why, size, "no certificate could be made");
    else if (pair_write(wish->directory, key, cert, ret_why, size) == 0)
        made = tls_digest(cert, digest);
    if (made == 0)
        tls_fingerprint_format(digest, ret_fingerprint);
    X509_free(cert);
    EVP_PKEY_free(key);
    return made;
}
