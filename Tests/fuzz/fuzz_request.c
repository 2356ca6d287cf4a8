/* fuzz_request.c - any text as a request, to a vault that is filled and emptied by what comes. */
#include "fuzz.h"

#include <stdlib.h>

/* examples/plugins/store_memory.c, which is linked in. */
descope_conn_status descope_conn_plugin_init(uint32_t host_plugin_abi, const descope_conn_host *host,
                                             descope_conn_plugin *plugin);

static descope_conn_handle open_vault(void)
{
    static const char config[] =
        "{\"backend\":\"vault\",\"store\":{\"plugin\":\"memory\"},\"redirectUrl\":\"https://app.example.com/callback\","
        "\"key\":{\"bytes\":\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"}}";
    descope_conn_handle handle = 0;
    if (descope_conn_register_plugin(descope_conn_plugin_init, NULL, NULL) != DESCOPE_CONN_OK ||
        descope_conn_open(config, sizeof config - 1, &handle, NULL, NULL) != DESCOPE_CONN_OK) {
        abort();
    }
    return handle;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static descope_conn_handle handle;
    char *out = NULL;
    size_t out_len = 0;
    descope_conn_status status;
    if (handle == 0) {
        handle = open_vault();
    }
    /* No time: nothing goes out to a network. */
    status = descope_conn_call(handle, (const char *)data, size, 0, &out, &out_len);
    check_answer(status, out, out_len);
    descope_conn_free(out);
    return 0;
}
