/* array.h - arrays as the server takes them in binary, and numbers. */
#ifndef ARRAY_H
#define ARRAY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The server's numbers of its types. */
#define TYPE_BYTES        17u
#define TYPE_INTEGER      20u
#define TYPE_TEXT         25u
#define TYPE_BYTES_LIST   1001u
#define TYPE_INTEGER_LIST 1016u
#define TYPE_BOOLEAN      16u

struct array {
    uint8_t *bytes;
    size_t len, capacity;
    uint32_t count;
    bool is_short; /* of memory */
};

/** Begins an array of elements of a type. It has to be freed. */
void array_begin(struct array *array, uint32_t type);

void array_add_bytes(struct array *array, const void *bytes, size_t len);
/** Bytes that are put together of two parts. */
void array_add_parts(struct array *array, const void *first, size_t first_len, const void *second, size_t second_len);
void array_add_integer(struct array *array, uint64_t integer);

void array_free(struct array *array);

void put_integer(uint8_t to[8], uint64_t integer);
uint64_t get_integer(const uint8_t from[8]);

#endif
