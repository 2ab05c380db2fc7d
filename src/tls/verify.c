/* Is it the hub that was meant? Whoever is refused is told what was found, and what was wanted. */
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "tls/tls.h"
#include "wire/text.h"

static void add_date(struct text *why, const ASN1_TIME *date)
{
    struct tm when;
    char shown[32] = "?";
    if (ASN1_TIME_to_tm(date, &when) == 1)
        strftime(shown, sizeof shown, "%Y-%m-%d %H:%M UTC", &when);
    text_add_literal(why, shown);
}

static void add_name(struct text *why, const GENERAL_NAME *name)
{
    const ASN1_STRING *text = name->type == GEN_DNS ? name->d.dNSName : NULL;
    const unsigned char *address = NULL;
    if (text) {
        text_addf(why, "%.*s", ASN1_STRING_length(text), (const char *)ASN1_STRING_get0_data(text));
    } else if (name->type == GEN_IPADD && ASN1_STRING_length(name->d.iPAddress) == 4) {
        address = ASN1_STRING_get0_data(name->d.iPAddress);
        text_addf(why, "%d.%d.%d.%d", address[0], address[1], address[2], address[3]);
    } else {
        text_add_literal(why, "something else");
    }
}

/* The hosts that it is good for; of many the first few. */
static void add_names(struct text *why, const X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int count = names ? sk_GENERAL_NAME_num(names) : 0;
    for (int i = 0; i < count && i < 5; i++) {
        text_add_literal(why, i ? ", " : "");
        add_name(why, sk_GENERAL_NAME_value(names, i));
    }
    text_add_literal(why, count > 5 ? ", …" : count == 0 ? "no host" : "");
    GENERAL_NAMES_free(names);
}

static void add_fingerprint(struct text *why, const X509 *cert)
{
    uint8_t digest[TLS_DIGEST_SIZE];
    char shown[TLS_FINGERPRINT_SIZE];
    if (tls_digest(cert, digest) == 0)
        text_add_literal(why, tls_fingerprint_format(digest, shown));
}

static void add_reason(struct text *why, int error, const X509 *cert, const char *host)
{
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        text_add_literal(why, "its certificate expired on ");
        add_date(why, X509_get0_notAfter(cert));
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        text_add_literal(why, "its certificate is not valid before ");
        add_date(why, X509_get0_notBefore(cert));
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        text_addf(why, "its certificate is not for %s, but for ", host);
        add_names(why, cert);
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        text_add_literal(why, "nobody who is trusted here vouches for its certificate, whose "
                              "fingerprint is ");
        add_fingerprint(why, cert);
        break;
    default:
        text_addf(why, "its certificate: %s", X509_verify_cert_error_string(error));
    }
}

/* The part of it that concerns a pinned certificate. */
static bool is_pinned(struct text *why, const X509 *cert, const uint8_t wanted[TLS_DIGEST_SIZE])
{
    uint8_t digest[TLS_DIGEST_SIZE];
    char shown[TLS_FINGERPRINT_SIZE];
    if (tls_digest(cert, digest) == 0 && memcmp(digest, wanted, sizeof digest) == 0)
        return true;
    text_add_literal(why, "its certificate has the fingerprint ");
    add_fingerprint(why, cert);
    text_addf(why, ", and not the expected %s", tls_fingerprint_format(wanted, shown));
    return false;
}

bool tls_verify(X509_STORE_CTX *chain, const struct tls_expected *expected, char *ret_why,
                size_t size)
{
    const X509 *cert = X509_STORE_CTX_get0_cert(chain);
    struct text why = {0};
    bool verified;
    if (expected->pinned) {
        verified = is_pinned(&why, cert, expected->digest);
        X509_STORE_CTX_set_error(chain, verified ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
    } else {
        verified = X509_verify_cert(chain) == 1;
        int error = X509_STORE_CTX_get_error(chain);
        const X509 *at_fault = X509_STORE_CTX_get_current_cert(chain);
        if (!verified)
            add_reason(&why, error, at_fault ? at_fault : cert, expected->host);
    }
    snprintf(ret_why, size, "%.*s", (int)why.len, why.at ? why.at : "");
    text_free(&why);
    return verified;
}
