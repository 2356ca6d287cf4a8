#include "array.h"

#include <stdlib.h>
#include <string.h>

static void put_word(uint8_t *to, uint32_t word)
{
    to[0] = (uint8_t)(word >> 24);
    to[1] = (uint8_t)(word >> 16);
    to[2] = (uint8_t)(word >> 8);
    to[3] = (uint8_t)word;
}

void put_integer(uint8_t to[8], uint64_t integer)
{
    put_word(to, (uint32_t)(integer >> 32));
    put_word(to + 4, (uint32_t)integer);
}

uint64_t get_integer(const uint8_t from[8])
{
    uint64_t integer = 0;
    int index;
    for (index = 0; index < 8; index++) {
        integer = integer << 8 | from[index];
    }
    return integer;
}

/* Room for `len` more bytes; NULL when there is none. */
static uint8_t *room(struct array *array, size_t len)
{
    uint8_t *at;
    if (!array->is_short && array->capacity - array->len < len) {
        size_t capacity = 2 * array->capacity + len;
        uint8_t *bytes = realloc(array->bytes, capacity);
        if (bytes == NULL) {
            array->is_short = true;
        } else {
            array->bytes = bytes;
            array->capacity = capacity;
        }
    }
    if (array->is_short) {
        return NULL;
    }
    at = array->bytes + array->len;
    array->len += len;
    return at;
}

/* Where the dimensions, the number of elements, and the first one's index stand. */
enum { DIMENSIONS = 0, HAS_NULLS = 4, TYPE = 8, COUNT = 12, FIRST = 16, HEADER = 20 };

void array_begin(struct array *array, uint32_t type)
{
    uint8_t *header;
    memset(array, 0, sizeof *array);
    header = room(array, HEADER);
    if (header != NULL) {
        put_word(header + DIMENSIONS, 1);
        put_word(header + HAS_NULLS, 0);
        put_word(header + TYPE, type);
        put_word(header + COUNT, 0);
        put_word(header + FIRST, 1);
    }
}

/* Room for an element. */
static uint8_t *element(struct array *array, size_t len)
{
    uint8_t *at = room(array, 4 + len);
    if (at == NULL) {
        return NULL;
    }
    put_word(at, (uint32_t)len);
    put_word(array->bytes + COUNT, ++array->count);
    return at + 4;
}

void array_add_parts(struct array *array, const void *first, size_t first_len, const void *second, size_t second_len)
{
    uint8_t *at = element(array, first_len + second_len);
    if (at != NULL && first_len > 0) {
        memcpy(at, first, first_len);
    }
    if (at != NULL && second_len > 0) {
        memcpy(at + first_len, second, second_len);
    }
}

void array_add_bytes(struct array *array, const void *bytes, size_t len)
{
    array_add_parts(array, bytes, len, NULL, 0);
}

void array_add_integer(struct array *array, uint64_t integer)
{
    uint8_t *at = element(array, 8);
    if (at != NULL) {
        put_integer(at, integer);
    }
}

void array_free(struct array *array)
{
    free(array->bytes);
    memset(array, 0, sizeof *array);
}
