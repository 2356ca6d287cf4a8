/* The plugin header needs no other before it. */
#include <descope_conn_plugin.h>

const descope_conn_store *a_store(const descope_conn_plugin *plugin);
const descope_conn_store *a_store(const descope_conn_plugin *plugin)
{
    return plugin->store;
}
