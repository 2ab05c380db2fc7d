/* The salt of an AI's own workloads: those on which it measures what others send, and reviews.
 *
 * Were they of its name alone, whoever knows that could tune for them. So they are of a secret too.
 * The SHA-256 of it stands in each report and review, from the first on; the secret is told at the
 * end of the run, and then everybody can measure what was reported again. Who is killed tells
 * nothing: its numbers on its own workloads stay its word. */
#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "node/node.h"
#include "wire/commitment.h"

void salt_take(struct node *node)
{
    unsigned char secret[SALT_DIGITS / 2], digest[COMMITMENT_DIGEST_BYTES];
    char sha256[COMMITMENT_DIGEST_SIZE];
    if (RAND_bytes(secret, sizeof secret) != 1)
        return; /* its workloads are of its name alone, and its reports say so */
    hex_format(secret, sizeof secret, node->salt);
    OPENSSL_cleanse(secret, sizeof secret);
    if (EVP_Digest(node->salt, SALT_DIGITS, digest, NULL, EVP_sha256(), NULL) != 1) {
        node->salt[0] = '\0';
        return;
    }
    commitment_digest_format(digest, sha256);
    node->brain->salt(node->brain->state, node->salt, sha256);
}

void salt_reveal(struct node *node)
{
    bool measured = node->count.reports_sent || node->count.sessions_reviews;
    if (!node->salt[0] || !measured)
        return;
    json_t *payload =
        json_pack("{s:o,s:s}", "text",
                  json_sprintf("I measured what others sent on workloads of the salt %s, whose "
                               "SHA-256 stands in my reports: khub measure SUBJECT --peer %s/%s",
                               node->salt, node->options->ai_id, node->salt),
                  "salt", node->salt);
    node_publish(node, "chat", payload, NULL, NULL);
    json_decref(payload);
    node->salt[0] = '\0'; /* once */
}
