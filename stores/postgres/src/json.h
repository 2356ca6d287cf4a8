/* json.h - reads an object whose values are texts, numbers and booleans, or objects of such. */
#ifndef JSON_H
#define JSON_H
#include <stdbool.h>
#include <stddef.h>

#define JSON_MAX_MEMBERS 32

enum json_kind { JSON_TEXT, JSON_NUMBER, JSON_TRUE, JSON_FALSE };

struct json_member {
    char *path; /* "name", or "outer.name" */
    enum json_kind kind;
    char *text; /* of a text its characters, of a number its digits; terminated */
};

struct json_object {
    struct json_member members[JSON_MAX_MEMBERS];
    size_t count;
};

/** Reads `text`. Members that are null are left out. What is read has to be freed, also after a failure.
 * Returns: false if it is no such object, or holds a NUL character, or memory is short. */
bool json_read(const char *text, size_t len, struct json_object *object);

/** NULL: there is none. */
const struct json_member *json_find(const struct json_object *object, const char *path);

/** Wipes what may be secret. */
void json_free(struct json_object *object);

#endif
