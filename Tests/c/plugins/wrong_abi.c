/* wrong_abi.c - a plugin that is too new for this host. */
#include <descope_conn_plugin.h>

descope_conn_status descope_conn_plugin_init(uint32_t host_plugin_abi, const descope_conn_host *host,
                                             descope_conn_plugin *plugin);
descope_conn_status descope_conn_plugin_init(uint32_t host_plugin_abi, const descope_conn_host *host,
                                             descope_conn_plugin *plugin)
{
    (void)host;
    (void)plugin;
    return host_plugin_abi >= DESCOPE_CONN_PLUGIN_ABI + 1 ? DESCOPE_CONN_OK : DESCOPE_CONN_E_ARGUMENT;
}
