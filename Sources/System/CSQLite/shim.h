#include <sqlite3.h>

/* A macro with a cast, which Swift does not import: SQLite copies what is bound. */
static inline sqlite3_destructor_type dc_sqlite_transient(void)
{
    return SQLITE_TRANSIENT;
}

/* Functions with a variable number of arguments, which Swift does not import either. */
static inline int dc_sqlite_leave_log(sqlite3 *database, int leave)
{
    return sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, leave, (int *)0);
}
