/* What opens a WebSocket. The guard has seen to Host and Origin before. */
#include <openssl/evp.h>
#include <stdio.h>

#include "gateway/http_head.h"
#include "gateway/ws.h"

#define PROTOCOL "khub"
#define KEY_LEN  24u /* 16 bytes in base64 */
#define SHA1_LEN 20u

static bool is_key(struct slice key)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (key.len != KEY_LEN || key.at[KEY_LEN - 1] != '=' || key.at[KEY_LEN - 2] != '=')
        return false;
    for (size_t i = 0; i < KEY_LEN - 2; i++)
        if (!key.at[i] || !strchr(digits, key.at[i]))
            return false;
    /* of the last digit two bits count */
    return strchr("AQgw", key.at[KEY_LEN - 3]) != NULL;
}

/* Proof that the key was read by somebody who knows of WebSockets. */
static bool accept_of(struct slice key, char ret_accept[2 * KEY_LEN])
{
    static const char known[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[KEY_LEN + sizeof known];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len;
    int size = snprintf(text, sizeof text, "%.*s%s", SLICE_FORMAT(key), known);
    if (EVP_Digest(text, (size_t)size, digest, &len, EVP_sha1(), NULL) != 1 || len != SHA1_LEN)
        return false;
    EVP_EncodeBlock((unsigned char *)ret_accept, digest, SHA1_LEN);
    return true;
}

/* The status to refuse it with; 0: none. */
static unsigned judge(struct http_request *request, const char **ret_why)
{
    if (!http_request_upgrades(request, "websocket")) {
        *ret_why = "a WebSocket is opened here: GET with Connection: Upgrade, Upgrade: websocket";
        return 426;
    }
    if (http_request_header_times(request, "sec-websocket-version") != 1 ||
        !slice_is(http_request_header(request, "sec-websocket-version"), "13")) {
        *ret_why = "of WebSocket's versions 13 is spoken here";
        return 426;
    }
    if (http_request_header_times(request, "sec-websocket-key") != 1 ||
        !is_key(http_request_header(request, "sec-websocket-key"))) {
        *ret_why = "one Sec-WebSocket-Key must be said, of 16 bytes in base64";
        return 400;
    }
    return 0;
}

bool ws_handshake(struct http_request *request)
{
    const char *why = "no SHA-1 is to be had";
    char accept[2 * KEY_LEN];
    unsigned status = judge(request, &why);
    if (!status && !accept_of(http_request_header(request, "sec-websocket-key"), accept))
        status = 500;
    if (status) {
        if (status == 426) {
            http_reply_header(request, "Upgrade", slice_of("websocket"));
            http_reply_header(request, "Sec-WebSocket-Version", slice_of("13"));
        }
        http_reply_error(request, status, why);
        return false;
    }
    http_reply_header(request, "Sec-WebSocket-Accept", slice_of(accept));
    if (http_list_has(http_request_header(request, "sec-websocket-protocol"), PROTOCOL))
        http_reply_header(request, "Sec-WebSocket-Protocol", slice_of(PROTOCOL));
    return true;
}
