/* Routes to files in sessions' workspaces. */
#include "gateway/rest_tables.h"

#define OCTETS "application/octet-stream"

static const char *const states[] = {"kept", "former", "open", NULL};
static const struct param file[] = {
    {"id", PARAM_WHOLE, true},
    {"session_id", PARAM_TEXT, true},
    {"name", PARAM_TEXT, true},
    {"status", PARAM_TEXT, true, "former: a later one has its name", .choices = states},
    {"version", PARAM_WHOLE, true},
    {"size", PARAM_WHOLE, true},
    {"sha256", PARAM_TEXT, true},
    {"by", PARAM_TEXT, true},
    {"for_room", PARAM_FLAG, true},
    {"at", PARAM_TEXT, true},
    {"chunk", PARAM_WHOLE, true, "Bytes of each chunk but the last"},
    {"chunks", PARAM_WHOLE, true},
    {"next", PARAM_WHOLE, .about = "Of one that is open: the chunk that is wanted"},
    {0}};
#define SHA256(needed)                                                                             \
    {                                                                                              \
        "sha256", PARAM_TEXT, (needed), "64 lower-case hex digits", .low = 64, .high = 64          \
    }
static const struct param list_query[] = {
    ROOM,
    {"session_id", PARAM_TEXT, .low = 1, .high = 64},
    {"name", PARAM_TEXT, .low = 1, .high = 256},
    SHA256(false),
    {"after", PARAM_WHOLE, .about = "next of the last page", .low = 0, .high = SEQ_MAX},
    LIMIT("50", 200),
    {0}};
static const struct param list_answer[] = {
    {"artifacts", PARAM_OBJECTS, true, "The first offered first", .members = file},
    {"total", PARAM_WHOLE, true},
    {"next", PARAM_WHOLE, true, "What to give for the next page", .null = "this is the last one"},
    {0}};
static const struct param at_sha256[] = {SHA256(true), {0}};
static const struct param of_room[] = {ROOM, {0}};
static const struct param at_session[] = {{"session_id", PARAM_TEXT, true, .low = 1, .high = 64},
                                          {0}};
static const struct param offer[] = {
    {"name", PARAM_TEXT, true, .low = 1, .high = 256},
    {"size", PARAM_WHOLE, true, "Bytes, up to 64 MiB", .low = 0, .high = 67108864},
    SHA256(true),
    {"base_version", PARAM_WHOLE, .about = "That it takes the place of; 0: a new name", .low = 0,
     .high = SEQ_MAX},
    {"for_room", PARAM_FLAG, .about = "All of the room may read it"},
    {0}};
static const struct param offered[] = {
    {"session_id", PARAM_TEXT, true},
    {"name", PARAM_TEXT, true},
    {"status", PARAM_TEXT, true, "open: chunks are wanted; kept: it is there"},
    {"size", PARAM_WHOLE, true},
    {"sha256", PARAM_TEXT, true},
    {"chunk", PARAM_WHOLE, .about = "Bytes of each chunk but the last"},
    {"next", PARAM_WHOLE, .about = "The chunk that is wanted"},
    {"version", PARAM_WHOLE},
    {"for_room", PARAM_FLAG},
    {"by", PARAM_TEXT},
    {0}};
static const struct param at_chunk[] = {{"session_id", PARAM_TEXT, true, .low = 1, .high = 64},
                                        {"name", PARAM_TEXT, true, .low = 1, .high = 256},
                                        {"index", PARAM_WHOLE, true, .low = 0, .high = SEQ_MAX},
                                        {0}};

const struct rest_route rest_files_routes[] = {
    {.method = "GET",
     .path = "/v1/artifacts",
     .name = "listArtifacts",
     .about = "Files in workspaces: of an AI those that it may read.",
     .who = REST_EITHER,
     .query = list_query,
     .status = 200,
     .answer = list_answer,
     .type = "artifact_query",
     .run = rest_question},
    {.method = "GET",
     .path = "/v1/artifacts/{sha256}",
     .name = "getArtifact",
     .about = "The bytes of one; or with Range a part.",
     .who = REST_EITHER,
     .at = at_sha256,
     .query = of_room,
     .status = 200,
     .answer_type = OCTETS,
     .run = rest_file_get},
    {.method = "POST",
     .path = "/v1/sessions/{session_id}/artifacts",
     .name = "offerArtifact",
     .about = "Offers one. What is there of it need not be sent again: next says what is wanted.",
     .who = REST_GUEST,
     .at = at_session,
     .body = offer,
     .status = 200,
     .answer = offered,
     .type = "artifact_offer",
     .run = rest_question},
    {.method = "PUT",
     .path = "/v1/sessions/{session_id}/artifacts/{name}/{index}",
     .name = "putChunk",
     .about = "A chunk of one that was offered, as it is. 409 tells the next that is wanted.",
     .who = REST_GUEST,
     .at = at_chunk,
     .bytes = true,
     .status = 200,
     .answer = offered,
     .run = rest_chunk_put},
    {0},
};
