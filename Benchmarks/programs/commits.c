/* commits.c - stores and deletes that are on the disk when they are answered, in rounds.
 *
 *   commits CONFIG WIDTH        through the library, so many calls at a time
 *   commits FILE                the peer: SQLite with one commit, and so one fsync, for each
 *
 * Prints, for a store and for a delete, the whole round's microseconds by its calls. */
#include "rounds.h"
#include <descope_conn.h>
#include <sqlite3.h>
#include <string.h>

static descope_conn_handle conn;
static sqlite3 *file;
static size_t width;

static void check(int is_fine, const char *text)
{
    if (!is_fine) {
        fprintf(stderr, "failed: %s\n", text);
        exit(1);
    }
}

static void take(uint32_t wait)
{
    descope_conn_ticket ticket;
    descope_conn_status status;
    char *out = NULL;
    check(descope_conn_next(conn, wait, &ticket, &status, &out, NULL) == DESCOPE_CONN_OK, "next");
    check(status == DESCOPE_CONN_OK, out);
    descope_conn_free(out);
}

/* Calls with the format's request, for users 0 to count, so many of them in flight at a time. */
static void through_library(const char *format, size_t count)
{
    char text[512], *out = NULL;
    size_t flying = 0;
    for (size_t i = 0; i < count; i++) {
        snprintf(text, sizeof text, format, i);
        if (width == 1) {
            int is_fine = descope_conn_call(conn, text, strlen(text), 10000, &out, NULL) == DESCOPE_CONN_OK;
            check(is_fine, out);
            descope_conn_free(out);
            continue;
        }
        descope_conn_ticket ticket;
        if (flying == width) {
            take(10000);
            flying--;
        }
        check(descope_conn_submit(conn, text, strlen(text), 10000, &ticket) == DESCOPE_CONN_OK, "submit");
        flying++;
    }
    for (; flying > 0; flying--) {
        take(10000);
    }
}

static void one_by_one(const char *sql, size_t count)
{
    sqlite3_stmt *statement;
    char key[64];
    check(sqlite3_prepare_v2(file, sql, -1, &statement, NULL) == SQLITE_OK, sql);
    for (size_t i = 0; i < count; i++) {
        snprintf(key, sizeof key, "user %zu", i);
        sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
        check(sqlite3_step(statement) == SQLITE_DONE, sqlite3_errmsg(file));
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
}

int main(int argc, char **argv)
{
    char line[64], *error = NULL;
    if (argc == 3) {
        width = strtoul(argv[2], NULL, 10);
        int is_fine = descope_conn_open(argv[1], strlen(argv[1]), &conn, &error, NULL) == DESCOPE_CONN_OK;
        check(is_fine, error);
    } else {
        check(argc == 2 && sqlite3_open(argv[1], &file) == SQLITE_OK, "usage: commits CONFIG WIDTH | commits FILE");
        check(sqlite3_exec(file,
                           "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                           "CREATE TABLE rows (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID;",
                           NULL, NULL, NULL) == SQLITE_OK,
              "create");
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        size_t count = strtoul(line, NULL, 10);
        uint64_t start = rounds_now();
        if (width > 0) {
            through_library("{\"op\":\"store_token\",\"appId\":\"crm\",\"userId\":\"user %zu\",\"accessToken\":\"t\","
                            "\"accessTokenExpiry\":2147483000}",
                            count);
        } else {
            one_by_one("INSERT INTO rows VALUES (?, zeroblob(400))", count);
        }
        uint64_t between = rounds_now();
        if (width > 0) {
            through_library("{\"op\":\"delete\",\"appId\":\"crm\",\"userId\":\"user %zu\",\"revoke\":false}", count);
        } else {
            one_by_one("DELETE FROM rows WHERE key = ?", count);
        }
        printf("{\"store\":%.3f,\"delete\":%.3f}\n", (double)(between - start) / (double)count / 1e3,
               (double)(rounds_now() - between) / (double)count / 1e3);
        fflush(stdout);
    }
    return 0;
}
