/* SipHash-2-4 with 16 bytes: a keyed function of short inputs that nobody without the key can
 * foretell. OpenSSL has it too, and takes six times as long around it as for it. */
#ifndef KHUB_NET_SIPHASH_H
#define KHUB_NET_SIPHASH_H

#include <stdint.h>

#include "wire/slice.h"

void siphash(const uint8_t key[16], struct slice input, uint8_t ret_hash[16]);

#endif
