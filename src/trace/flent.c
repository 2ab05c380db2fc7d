/* Packets of a call under load, as flent writes them: JSON with "raw_values", in it "VoIP" with a
 * list of packets: "seq", "t" (s, when it was sent), "val" (ms, how long it was on its way). A
 * number that is missing between others is a packet that was lost. */
#include "trace/flent.h"

#include <stdlib.h>

#include "wire/json.h"

enum {
    TEXT_MAX = 64 << 20,
    DEPTH_MAX = 64,
    LOST_MAX = 100000,    /* packets between two that came */
    DELAY_MAX = 60000000, /* us */
};

bool flent_fits(struct slice beginning, bool whole)
{
    (void)whole;
    static const struct slice blank = SLICE(" \t\r\n");
    size_t blanks = 0;
    while (blanks < beginning.len && memchr(blank.at, beginning.at[blanks], blank.len))
        blanks++;
    return blanks < beginning.len && beginning.at[blanks] == '{' &&
           memmem(beginning.at, beginning.len, "\"metadata\"", 10);
}

/* All of the stream, to be freed. NULL after a sentence. */
static char *read_all(struct reading *reading, size_t *ret_len)
{
    size_t capacity = 0, len = 0;
    char *text = NULL;
    for (;;) {
        struct slice bytes;
        bool whole;
        if (reading_peek(reading, &bytes, &whole) < 0)
            break;
        if (bytes.len == 0 && text) {
            *ret_len = len;
            return text;
        }
        if (bytes.len == 0) {
            reading_failed(reading, "it is empty");
            break;
        }
        if (len + bytes.len > TEXT_MAX) {
            reading_failed(reading, "it has more than 64 MiB of JSON");
            break;
        }
        if (len + bytes.len > capacity) {
            capacity = 2 * capacity + READING_SIZE;
            char *grown = realloc(text, capacity);
            if (!grown) {
                reading_failed(reading, "out of memory");
                break;
            }
            text = grown;
        }
        memcpy(text + len, bytes.at, bytes.len);
        len += bytes.len;
        reading->begin = reading->end;
    }
    free(text);
    return NULL;
}

struct packet {
    uint64_t number;
    int64_t sent, delay; /* us */
};

static bool packet_of(struct json_value value, struct packet *ret_packet)
{
    double sent, delay;
    if (json_u64(json_get(value, "seq"), &ret_packet->number) < 0 ||
        json_number(json_get(value, "t"), &sent) < 0 ||
        json_number(json_get(value, "val"), &delay) < 0)
        return false;
    if (!(sent >= 0 && sent < 1e11 && delay >= 0 && delay * 1000 <= DELAY_MAX))
        return false;
    ret_packet->sent = (int64_t)(sent * 1e6);
    ret_packet->delay = (int64_t)(delay * 1000);
    return true;
}

static int compare_packets(const void *a, const void *b)
{
    uint64_t left = ((const struct packet *)a)->number, right = ((const struct packet *)b)->number;
    return (left > right) - (left < right);
}

/* The packets in the order of their numbers; to be freed. NULL after a sentence. */
static struct packet *read_packets(struct reading *reading, struct json_value list,
                                   size_t *ret_count)
{
    struct packet *packets = NULL;
    size_t count = 0, capacity = 0;
    struct json_iterator iterator = {.rest = list.raw};
    struct json_value value;
    while (json_next_element(&iterator, &value)) {
        if (count == capacity) {
            capacity = 2 * capacity + 1024;
            struct packet *grown = realloc(packets, capacity * sizeof *packets);
            if (!grown) {
                reading_failed(reading, "out of memory");
                free(packets);
                return NULL;
            }
            packets = grown;
        }
        if (!packet_of(value, &packets[count++])) {
            reading_wrong(reading, value.raw,
                          "{\"seq\": whole, \"t\": seconds, \"val\": milliseconds up to 60000}");
            free(packets);
            return NULL;
        }
    }
    if (packets)
        qsort(packets, count, sizeof *packets, compare_packets);
    else
        reading_failed(reading, "its list of VoIP packets is empty");
    *ret_count = count;
    return packets;
}

/* A packet, and before it those that were lost since the last one, at even distances. */
static int add_packet(struct reading *reading, const struct packet *last,
                      const struct packet *packet)
{
    uint64_t lost = packet->number - last->number - 1;
    if (lost > LOST_MAX)
        return reading_failed(reading, "from packet %llu to %llu none came",
                              (unsigned long long)last->number, (unsigned long long)packet->number);
    for (uint64_t i = 1; i <= lost; i++) {
        int64_t sent = last->sent + (packet->sent - last->sent) * (int64_t)i / (int64_t)(lost + 1);
        if (reading_add(reading, (int64_t[]){sent, -1}) < 0)
            return -1;
    }
    return reading_add(reading, (int64_t[]){packet->sent, packet->delay});
}

int flent_read(struct reading *reading)
{
    size_t len = 0, at = 0, count = 0;
    char *text = read_all(reading, &len);
    struct slice whole = {text, len};
    if (!text)
        return -1;
    enum json_fault fault = json_check(whole, DEPTH_MAX, &at);
    struct json_value list = {0};
    if (fault == JSON_FINE)
        list = json_get(json_get(json_value_of(whole), "raw_values"), "VoIP");
    struct packet *packets = NULL;
    if (fault != JSON_FINE)
        reading_failed(reading, "it is no JSON: byte %zu", at);
    else if (list.kind != JSON_KIND_ARRAY)
        reading_failed(reading, "there are no packets of a call in it (raw_values, VoIP)");
    else
        packets = read_packets(reading, list, &count);
    int result = packets ? 0 : -1;
    for (size_t i = 0; i < count && result == 0; i++)
        if (i == 0)
            result = reading_add(reading, (int64_t[]){packets[0].sent, packets[0].delay});
        else if (packets[i].number > packets[i - 1].number)
            result = add_packet(reading, &packets[i - 1], &packets[i]);
    free(packets);
    free(text);
    return result;
}
