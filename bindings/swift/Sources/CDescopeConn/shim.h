#include <descope_conn.h>
