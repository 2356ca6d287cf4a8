/* freed_blocks.h - looks into every block of memory that is freed, for bytes that should have been wiped.
 *
 * freed_blocks.so goes in front of malloc by LD_PRELOAD. */
#ifndef FREED_BLOCKS_H
#define FREED_BLOCKS_H
#include <stddef.h>

/* Begins to look for these bytes, which must stay where they are; at most 8 times. Nothing on the heap of the caller
 * itself may hold them when it is freed. */
void freed_blocks_watch(const void *bytes, size_t len);

/* How many blocks held them when they were freed. Where that was goes to stderr as it happens. */
unsigned freed_blocks_found(void);

#endif
