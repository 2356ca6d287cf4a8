/* fuzz.h - what the fuzz targets share. */
#ifndef FUZZ_H
#define FUZZ_H
#include <descope_conn_plugin.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Traps unless an answer is what the header says: terminated, and an error if and only if the status is negative. */
void check_answer(descope_conn_status status, const char *text, size_t len);

#endif
