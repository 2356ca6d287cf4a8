/* sqlite.c - the least that a fetch from an encrypted file takes: SQLite, libsodium and jansson in a loop, in rounds.
 *
 *   sqlite FILE TOKENS
 *
 * Makes the file with so many tokens. A call reads a request, looks up the connection and one of the tokens by a keyed hash,
 * decrypts both, and writes the answer. It checks nothing, and is no vault. */
#include "rounds.h"
#include <jansson.h>
#include <sodium.h>
#include <sqlite3.h>
#include <string.h>

enum { NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES };

static sqlite3 *file;
static sqlite3_stmt *find, *begin, *commit;
static unsigned char secret[32];
static size_t tokens;

static void check(int is_fine)
{
    if (!is_fine) {
        fprintf(stderr, "failed: %s\n", sqlite3_errmsg(file));
        exit(1);
    }
}

static void hash(unsigned char key[32], const char *app, const char *user)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, secret, sizeof secret, 32);
    crypto_generichash_update(&state, (const unsigned char *)app, strlen(app) + 1);
    crypto_generichash_update(&state, (const unsigned char *)user, strlen(user));
    crypto_generichash_final(&state, key, 32);
}

static void put(sqlite3_stmt *insert, const char *app, const char *user, json_t *value)
{
    unsigned char key[32], sealed[8192];
    unsigned long long length;
    char *text = json_dumps(value, JSON_COMPACT);
    hash(key, app, user);
    randombytes_buf(sealed, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE, &length, (unsigned char *)text, strlen(text), key, 32,
                                               NULL, sealed, secret);
    sqlite3_bind_blob(insert, 1, key, 32, SQLITE_STATIC);
    sqlite3_bind_blob(insert, 2, sealed, NONCE + (int)length, SQLITE_STATIC);
    check(sqlite3_step(insert) == SQLITE_DONE);
    sqlite3_reset(insert);
    free(text);
    json_decref(value);
}

static json_t *get(const char *app, const char *user)
{
    unsigned char key[32], plain[8192];
    unsigned long long length;
    hash(key, app, user);
    sqlite3_bind_blob(find, 1, key, 32, SQLITE_STATIC);
    check(sqlite3_step(find) == SQLITE_ROW);
    const unsigned char *sealed = sqlite3_column_blob(find, 0);
    int size = sqlite3_column_bytes(find, 0);
    check(crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &length, NULL, sealed + NONCE,
                                                     (unsigned long long)size - NONCE, key, 32, sealed, secret) == 0);
    sqlite3_reset(find);
    json_t *value = json_loadb((char *)plain, length, 0, NULL);
    sodium_memzero(plain, sizeof plain);
    return value;
}

static void call(void)
{
    char text[256];
    snprintf(text, sizeof text, "{\"op\":\"fetch\",\"appId\":\"crm\",\"userId\":\"user %zu\"}", rounds_chance(tokens));
    json_t *request = json_loads(text, 0, NULL);
    const char *app = json_string_value(json_object_get(request, "appId"));
    const char *user = json_string_value(json_object_get(request, "userId"));
    sqlite3_step(begin);
    sqlite3_reset(begin);
    json_t *connection = get(app, ""), *token = get(app, user);
    sqlite3_step(commit);
    sqlite3_reset(commit);
    json_t *answer = json_pack("{s:o}", "token", token);
    char *out = json_dumps(answer, JSON_COMPACT);
    check(connection != NULL && out != NULL);
    sodium_memzero(out, strlen(out));
    free(out);
    json_decref(answer);
    json_decref(connection);
    json_decref(request);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: sqlite FILE TOKENS\n");
        return 2;
    }
    tokens = strtoul(argv[2], NULL, 10);
    check(sodium_init() >= 0);
    randombytes_buf(secret, sizeof secret);
    check(sqlite3_open(argv[1], &file) == SQLITE_OK);
    check(sqlite3_exec(file,
                       "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; BEGIN;"
                       "CREATE TABLE rows (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID;",
                       NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_stmt *insert;
    check(sqlite3_prepare_v2(file, "INSERT INTO rows VALUES (?, ?)", -1, &insert, NULL) == SQLITE_OK);
    put(insert, "crm", "",
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", "crm", "clientId", "c", "clientSecret", "s", "authorizationUrl",
                  "https://p.example/authorize", "tokenUrl", "https://p.example/token"));
    for (size_t i = 0; i < tokens; i++) {
        char user[64], access[49] = {0}, refresh[49] = {0};
        snprintf(user, sizeof user, "user %zu", i);
        memset(access, 'a', 48);
        memset(refresh, 'r', 48);
        put(insert, "crm", user,
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:[s, s], s:b}", "id", "T00000000000000000000000000", "appId",
                      "crm", "userId", user, "accessToken", access, "refreshToken", refresh, "accessTokenExpiry",
                      (json_int_t)4102444800, "scopes", "read", "write", "hasRefreshToken", 1));
    }
    sqlite3_finalize(insert);
    check(sqlite3_exec(file, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
    check(sqlite3_prepare_v3(file, "SELECT value FROM rows WHERE key = ?", -1, SQLITE_PREPARE_PERSISTENT, &find,
                             NULL) == SQLITE_OK);
    check(sqlite3_prepare_v3(file, "BEGIN", -1, SQLITE_PREPARE_PERSISTENT, &begin, NULL) == SQLITE_OK);
    check(sqlite3_prepare_v3(file, "COMMIT", -1, SQLITE_PREPARE_PERSISTENT, &commit, NULL) == SQLITE_OK);
    rounds_serve(call, 1);
    return 0;
}
