/* fuzz_config.c - any text as a config. Runs in an empty folder. */
#define _GNU_SOURCE
#include "fuzz.h"

#include <string.h>

static int holds(const uint8_t *data, size_t size, const char *word)
{
    return memmem(data, size, word, strlen(word)) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    descope_conn_handle handle = 0;
    char *out = NULL;
    size_t out_len = 0;
    descope_conn_status status;
    /* Files and libraries outside of this folder are none of a fuzzer's business. */
    if ((holds(data, size, "/") || holds(data, size, "\\u")) &&
        (holds(data, size, "path") || holds(data, size, "plugin") || holds(data, size, "file"))) {
        return 0;
    }
    status = descope_conn_open((const char *)data, size, &handle, &out, &out_len);
    check_answer(status, out, out_len);
    descope_conn_free(out);
    if ((status == DESCOPE_CONN_OK) != (handle != 0)) {
        __builtin_trap();
    }
    descope_conn_close(handle, DESCOPE_CONN_NO_TIMEOUT);
    return 0;
}
