#include <jansson.h>

/* jansson has these as macros or inline functions that Swift does not import. */
static inline json_t *dc_json_incref(json_t *json)
{
    return json_incref(json);
}
static inline void dc_json_decref(json_t *json)
{
    json_decref(json);
}
static inline int dc_json_type(const json_t *json)
{
    return (int)json->type;
}
static inline enum json_error_code dc_json_error_code(const json_error_t *error)
{
    return json_error_code(error);
}
