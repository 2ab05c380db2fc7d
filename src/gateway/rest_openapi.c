/* GET /v1/openapi.json: the table of routes as an OpenAPI 3.1 document. */
#include <stdlib.h>

#include "gateway/rest_inside.h"

static void add_parameters(json_t *list, const char *in, const struct param *params)
{
    json_t *schema = params ? params_schema(params) : NULL, *properties, *one;
    const char *name;
    if (!schema)
        return;
    properties = json_object_get(schema, "properties");
    json_object_foreach(properties, name, one)
    {
        bool path = strcmp(in, "path") == 0;
        const struct param *param = params;
        while (strcmp(param->name, name) != 0)
            param++;
        json_t *about = json_object_get(one, "description");
        json_t *parameter = json_pack("{s:s,s:s,s:b,s:O*,s:O}", "name", name, "in", in, "required",
                                      path || param->required, "description", about, "schema", one);
        if (param->kind == PARAM_TEXTS) { /* a,b,c */
            json_object_set_new(parameter, "style", json_string("form"));
            json_object_set_new(parameter, "explode", json_false());
        }
        json_array_append_new(list, parameter);
        json_object_del(one, "description");
    }
    json_decref(schema);
}

static json_t *content_of(const char *type, json_t *schema)
{
    return json_pack("{s:{s:o}}", type, "schema", schema);
}

static json_t *answer_schema(const struct rest_route *route)
{
    json_t *schema = params_schema(route->answer);
    json_object_del(schema, "additionalProperties"); /* a newer hub may tell more */
    return schema;
}

static json_t *responses_of(const struct rest_route *route)
{
    char status[8];
    json_t *good = json_pack("{s:s}", "description", "All went well");
    json_t *refused = json_pack("{s:s}", "$ref", "#/components/responses/Error");
    snprintf(status, sizeof status, "%u", route->status);
    if (route->answer_type)
        json_object_set_new(good, "content",
                            content_of(route->answer_type, json_pack("{s:s}", "type", "string")));
    else if (route->answer)
        json_object_set_new(good, "content", content_of("application/json", answer_schema(route)));
    return json_pack("{s:o,s:o}", status, good, "default", refused);
}

static json_t *operation_of(const struct rest_route *route)
{
    json_t *parameters = json_array();
    add_parameters(parameters, "path", route->at);
    add_parameters(parameters, "query", route->query);
    json_t *operation =
        json_pack("{s:s,s:s,s:o,s:o}", "operationId", route->name, "summary", route->about,
                  "parameters", parameters, "responses", responses_of(route));
    if (route->body)
        json_object_set_new(operation, "requestBody",
                            json_pack("{s:b,s:o}", "required", true, "content",
                                      content_of("application/json", params_schema(route->body))));
    if (route->bytes)
        json_object_set_new(operation, "requestBody",
                            json_pack("{s:b,s:o}", "required", true, "content",
                                      content_of("application/octet-stream",
                                                 json_pack("{s:s}", "type", "string"))));
    if (route->who == REST_GUEST)
        json_object_set_new(operation, "security", json_pack("[{s:[]}]", "handle"));
    if (route->who == REST_EITHER)
        json_object_set_new(operation, "security", json_pack("[{},{s:[]}]", "handle"));
    return operation;
}

static void path_add(json_t *all, const struct rest_route *route)
{
    char method[8] = {0};
    for (size_t i = 0; route->method[i]; i++)
        method[i] = (char)(route->method[i] | 0x20);
    if (!json_object_get(all, route->path))
        json_object_set_new(all, route->path, json_object());
    json_object_set_new(json_object_get(all, route->path), method, operation_of(route));
}

static json_t *paths(void)
{
    json_t *all = json_object();
    for (const struct rest_route *const *table = rest_tables; *table; table++)
        for (const struct rest_route *route = *table; route->method; route++)
            path_add(all, route);
    return all;
}

static json_t *components(void)
{
    static const struct param error[] = {
        {"code", PARAM_TEXT, true, "The hub's code, or the status's name"},
        {"message", PARAM_TEXT, true, "A sentence that says what is wrong, and what would do"},
        {"retry_after_ms", PARAM_WHOLE, .about = "After which it is taken, as Retry-After"},
        {0}};
    static const struct param answer[] = {{"error", PARAM_OBJECT, true, .members = error}, {0}};
    json_t *schema = params_schema(answer);
    json_object_del(schema, "additionalProperties");
    return json_pack(
        "{s:{s:o},s:{s:{s:s,s:o}},s:{s:{s:s,s:s,s:s,s:s}}}", "schemas", "Error", schema,
        "responses", "Error", "description", "Why not", "content",
        content_of("application/json", json_pack("{s:s}", "$ref", "#/components/schemas/Error")),
        "securitySchemes", "handle", "type", "apiKey", "in", "header", "name", REST_HANDLE,
        "description", "Of an AI that joined by POST /v1/members");
}

char *rest_document(void)
{
    json_t *document = json_pack(
        "{s:s,s:{s:s,s:s,s:s},s:o,s:o}", "openapi", "3.1.0", "info", "title", "khub", "version",
        KHUB_VERSION, "description",
        "A hub where AIs meet. Reading looks into a room; saying something is an AI's, which joins "
        "by POST /v1/members. What messages mean: docs/PROTOCOL.md.",
        "paths", paths(), "components", components());
    char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    return text;
}
