#define _GNU_SOURCE
#include "json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const char *at, *end;
    struct json_object *object;
};

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) != NULL && *reader->at != '\0') {
        reader->at++;
    }
}

/* Takes `character`, and the space before it. */
static bool take(struct reader *reader, char character)
{
    skip_space(reader);
    if (reader->at >= reader->end || *reader->at != character) {
        return false;
    }
    reader->at++;
    return true;
}

static bool take_word(struct reader *reader, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, word, len) != 0) {
        return false;
    }
    reader->at += len;
    return true;
}

static bool read_hex(struct reader *reader, uint32_t *unit)
{
    int index;
    *unit = 0;
    for (index = 0; index < 4; index++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *digit;
        if (reader->at >= reader->end || *reader->at == '\0') {
            return false;
        }
        digit = strchr(digits, *reader->at++);
        if (digit == NULL) {
            return false;
        }
        *unit = *unit << 4 | (uint32_t)((digit - digits) & 15);
    }
    return true;
}

/* What follows "\u", as UTF-8. */
static bool read_escaped(struct reader *reader, char **to)
{
    uint32_t point, low;
    if (!read_hex(reader, &point) || point == 0 || (point >= 0xDC00 && point <= 0xDFFF)) {
        return false;
    }
    if (point >= 0xD800 && point <= 0xDBFF) {
        if (!take_word(reader, "\\u") || !read_hex(reader, &low) || low < 0xDC00 || low > 0xDFFF) {
            return false;
        }
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    if (point < 0x80) {
        *(*to)++ = (char)point;
    } else if (point < 0x800) {
        *(*to)++ = (char)(0xC0 | point >> 6);
        *(*to)++ = (char)(0x80 | (point & 0x3F));
    } else {
        if (point < 0x10000) {
            *(*to)++ = (char)(0xE0 | point >> 12);
        } else {
            *(*to)++ = (char)(0xF0 | point >> 18);
            *(*to)++ = (char)(0x80 | (point >> 12 & 0x3F));
        }
        *(*to)++ = (char)(0x80 | (point >> 6 & 0x3F));
        *(*to)++ = (char)(0x80 | (point & 0x3F));
    }
    return true;
}

static bool read_into(struct reader *reader, char *to)
{
    static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    while (reader->at < reader->end && *reader->at != '\0') {
        char character = *reader->at++;
        const char *escape;
        if (character == '"') {
            *to = '\0';
            return true;
        }
        if (character != '\\') {
            *to++ = character;
            continue;
        }
        if (reader->at >= reader->end || *reader->at == '\0') {
            return false;
        }
        character = *reader->at++;
        escape = strchr(escapes, character);
        if (escape != NULL) {
            *to++ = meant[escape - escapes];
        } else if (character != 'u' || !read_escaped(reader, &to)) {
            return false;
        }
    }
    return false;
}

static void wipe_and_free(char *text, size_t len)
{
    if (text != NULL) {
        explicit_bzero(text, len);
        free(text);
    }
}

/* A text. Never longer than what it is written as. */
static char *read_text(struct reader *reader)
{
    size_t most = (size_t)(reader->end - reader->at) + 1;
    char *text;
    if (!take(reader, '"') || (text = calloc(1, most)) == NULL) {
        return NULL;
    }
    if (!read_into(reader, text)) {
        wipe_and_free(text, most);
        return NULL;
    }
    return text;
}

static char *read_number(struct reader *reader)
{
    const char *start = reader->at;
    while (reader->at < reader->end && strchr("+-.eE0123456789", *reader->at) != NULL && *reader->at != '\0') {
        reader->at++;
    }
    return reader->at == start ? NULL : strndup(start, (size_t)(reader->at - start));
}

static bool read_members(struct reader *reader, const char *outer);

/* The value of a member. Takes over `path`. */
static bool read_value(struct reader *reader, char *path, bool is_outer)
{
    struct json_member *member;
    skip_space(reader);
    if (take_word(reader, "null")) {
        free(path);
        return true;
    }
    if (reader->at < reader->end && *reader->at == '{') {
        bool is_read = is_outer && read_members(reader, path);
        free(path);
        return is_read;
    }
    if (reader->object->count == JSON_MAX_MEMBERS) {
        free(path);
        return false;
    }
    member = &reader->object->members[reader->object->count++];
    member->path = path;
    if (take_word(reader, "true")) {
        member->kind = JSON_TRUE;
        return true;
    }
    if (take_word(reader, "false")) {
        member->kind = JSON_FALSE;
        return true;
    }
    member->kind = reader->at < reader->end && *reader->at == '"' ? JSON_TEXT : JSON_NUMBER;
    member->text = member->kind == JSON_TEXT ? read_text(reader) : read_number(reader);
    return member->text != NULL;
}

/* The members of an object.
 * Parameter outer: the name of the member whose value it is; NULL: it is the whole. */
static bool read_members(struct reader *reader, const char *outer)
{
    if (!take(reader, '{')) {
        return false;
    }
    if (take(reader, '}')) {
        return true;
    }
    do {
        char *name = read_text(reader), *path = name;
        if (name == NULL) {
            return false;
        }
        if (outer != NULL) {
            path = calloc(1, strlen(outer) + strlen(name) + 2);
            if (path != NULL) {
                strcat(strcat(strcpy(path, outer), "."), name);
            }
            free(name);
        }
        if (path == NULL) {
            return false;
        }
        if (!take(reader, ':')) {
            free(path);
            return false;
        }
        if (!read_value(reader, path, outer == NULL)) {
            return false;
        }
    } while (take(reader, ','));
    return take(reader, '}');
}

bool json_read(const char *text, size_t len, struct json_object *object)
{
    struct reader reader = {text, text + len, object};
    memset(object, 0, sizeof *object);
    if (!read_members(&reader, NULL)) {
        return false;
    }
    skip_space(&reader);
    return reader.at == reader.end;
}

const struct json_member *json_find(const struct json_object *object, const char *path)
{
    size_t index;
    for (index = 0; index < object->count; index++) {
        if (strcmp(object->members[index].path, path) == 0) {
            return &object->members[index];
        }
    }
    return NULL;
}

void json_free(struct json_object *object)
{
    size_t index;
    for (index = 0; index < object->count; index++) {
        struct json_member *member = &object->members[index];
        free(member->path);
        if (member->text != NULL) {
            wipe_and_free(member->text, strlen(member->text));
        }
    }
    memset(object, 0, sizeof *object);
}
