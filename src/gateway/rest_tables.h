/* Parts of the tables of REST's routes. */
#ifndef KHUB_GATEWAY_REST_TABLES_H
#define KHUB_GATEWAY_REST_TABLES_H

#include "gateway/rest_inside.h"
#include "wire/bounds.h"

#define SEQ_MAX 9007199254740992.

/* Parts of tables. */
#define ROOM                                                                                       \
    {                                                                                              \
        "room", PARAM_TEXT, .about = "Preset: that of the gateway, main", .low = 1, .high = 64     \
    }
#define LIMIT(preset, most)                                                                        \
    {                                                                                              \
        "limit", PARAM_WHOLE, .about = "How many at the most, " preset, .low = 1, .high = (most)   \
    }
#define AFTER                                                                                      \
    {                                                                                              \
        "after", PARAM_TEXT, .about = "next of the last page", .low = 1, .high = WIRE_ID_MAX       \
    }
#define TYPES                                                                                      \
    {                                                                                              \
        "types", PARAM_TEXTS, .about = "Message types, a,b,c", .high = MESSAGE_TYPE_COUNT          \
    }
#define SENDER                                                                                     \
    {                                                                                              \
        "sender", PARAM_TEXT, .about = "Of one AI", .low = 1, .high = WIRE_ID_MAX                  \
    }
#define TARGET                                                                                     \
    {                                                                                              \
        "target", PARAM_TEXT, .about = "For one AI alone", .low = 1, .high = WIRE_ID_MAX           \
    }
#define SESSION                                                                                    \
    {                                                                                              \
        "session", PARAM_TEXT, .about = "Of a session: its id, or how that begins", .low = 1,      \
                               .high = WIRE_ID_MAX                                                 \
    }
#define NEXT                                                                                       \
    {                                                                                              \
        "next", PARAM_TEXT, true, "What to give for the next page", .null = "this is the last one" \
    }

/* What the hub says to somebody who said something. */
extern const struct param rest_said[];

#endif
