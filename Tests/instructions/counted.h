/* counted.h - counts instructions under callgrind, of all threads, between two moments. Elsewhere it does nothing. */
#ifndef COUNTED_H
#define COUNTED_H
void counted_begin(void);
void counted_end(void);
#endif
