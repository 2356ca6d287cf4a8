#define _GNU_SOURCE
#include "settings.h"
#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A connection string or a password that is longer is neither. */
#define MAX_SECRET 16384

static struct failure wrong(const char *words)
{
    return failure_of(FAILURE_FINAL, "invalid_config", words);
}

static bool is_name(const char *text, size_t most, bool may_hold_dots)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    size_t len = strlen(text);
    if (len == 0 || len > most) {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (strchr(characters, *text) == NULL && (!may_hold_dots || strchr(".-", *text) == NULL)) {
            return false;
        }
    }
    return true;
}

/* Takes a text out of the config: it is the settings' from now on. */
static char *take_text(const struct json_object *object, const char *path, bool *is_wrong)
{
    struct json_member *member = (struct json_member *)json_find(object, path);
    char *text;
    if (member == NULL) {
        return NULL;
    }
    if (member->kind != JSON_TEXT) {
        *is_wrong = true;
        return NULL;
    }
    text = member->text;
    member->text = NULL;
    return text;
}

static bool take_number(const struct json_object *object, const char *path, long least, long most, int *number)
{
    const struct json_member *member = json_find(object, path);
    char *end;
    long value;
    if (member == NULL) {
        return true;
    }
    if (member->kind != JSON_NUMBER) {
        return false;
    }
    errno = 0;
    value = strtol(member->text, &end, 10);
    if (errno != 0 || *end != '\0' || value < least || value > most) {
        return false;
    }
    *number = (int)value;
    return true;
}

static int count_set(const struct source *source)
{
    return (source->text != NULL) + (source->file != NULL) + (source->environment != NULL);
}

struct failure settings_read(const char *config, size_t len, struct settings *settings)
{
    static const char *const known[] = {"url",    "url.file", "url.env",  "password.file", "password.env",
                                        "schema", "vault",    "poolSize", "openTimeoutMs", "prepared"};
    struct json_object object;
    const struct json_member *prepared;
    struct failure failure = no_failure();
    bool is_wrong = false;
    size_t index, name;
    memset(settings, 0, sizeof *settings);
    settings->pool_size = 8;
    settings->open_ms = 5000;
    settings->prepared = true;
    if (!json_read(config, len, &object)) {
        json_free(&object);
        return wrong("the config is no object of texts, numbers and booleans");
    }
    for (index = 0; index < object.count; index++) {
        for (name = 0; name < sizeof known / sizeof *known; name++) {
            if (strcmp(known[name], object.members[index].path) == 0) {
                break;
            }
        }
        is_wrong = is_wrong || name == sizeof known / sizeof *known;
    }
    if (is_wrong) {
        failure = wrong("the config has an unknown field; known are url, password, schema, vault, poolSize, "
                        "openTimeoutMs and prepared. A password is {\\\"file\\\": ...} or {\\\"env\\\": ...}");
        goto done;
    }
    settings->url.text = take_text(&object, "url", &is_wrong);
    settings->url.file = take_text(&object, "url.file", &is_wrong);
    settings->url.environment = take_text(&object, "url.env", &is_wrong);
    settings->password.file = take_text(&object, "password.file", &is_wrong);
    settings->password.environment = take_text(&object, "password.env", &is_wrong);
    settings->schema = take_text(&object, "schema", &is_wrong);
    settings->vault = take_text(&object, "vault", &is_wrong);
    prepared = json_find(&object, "prepared");
    if (prepared != NULL) {
        settings->prepared = prepared->kind == JSON_TRUE;
        is_wrong = is_wrong || (prepared->kind != JSON_TRUE && prepared->kind != JSON_FALSE);
    }
    if (is_wrong) {
        failure = wrong("url, schema and vault are texts, and prepared is true or false");
        goto done;
    }
    if (count_set(&settings->url) != 1) {
        failure = wrong("url is missing: a text, {\\\"file\\\": ...} or {\\\"env\\\": ...}");
        goto done;
    }
    if (count_set(&settings->password) > 1) {
        failure = wrong("password is either {\\\"file\\\": ...} or {\\\"env\\\": ...}");
        goto done;
    }
    if (!take_number(&object, "poolSize", 1, 64, &settings->pool_size)) {
        failure = wrong("poolSize is a number from 1 to 64");
        goto done;
    }
    if (!take_number(&object, "openTimeoutMs", 100, 60000, &settings->open_ms)) {
        failure = wrong("openTimeoutMs is a number from 100 to 60000");
        goto done;
    }
    settings->schema = settings->schema != NULL ? settings->schema : strdup("descope_conn");
    settings->vault = settings->vault != NULL ? settings->vault : strdup("default");
    if (settings->schema == NULL || settings->vault == NULL) {
        failure = failure_of(FAILURE_MEMORY, "", "");
    } else if (!is_name(settings->schema, 63, false)) {
        failure = wrong("schema is a name of letters, digits and _, of at most 63");
    } else if (!is_name(settings->vault, 64, true)) {
        failure = wrong("vault is a name of letters, digits and _ - ., of at most 64");
    }
done:
    json_free(&object);
    return failure;
}

void wipe_text(char *text)
{
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

static void source_free(struct source *source)
{
    wipe_text(source->text);
    free(source->file);
    free(source->environment);
}

void settings_free(struct settings *settings)
{
    source_free(&settings->url);
    source_free(&settings->password);
    free(settings->schema);
    free(settings->vault);
    memset(settings, 0, sizeof *settings);
}

static struct failure read_file(const char *path, char *buffer, size_t most)
{
    struct stat status;
    size_t len = 0, end;
    ssize_t got = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0) {
        return failure_of(FAILURE_FINAL, "misconfigured", "the file that the config names cannot be read");
    }
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        close(file);
        return failure_of(
            FAILURE_FINAL, "misconfigured",
            "the file that the config names is no regular file, or others than its owner can write to it");
    }
    while (len < most && (got = read(file, buffer + len, most - len)) > 0) {
        len += (size_t)got;
    }
    close(file);
    if (got < 0 || len == most || memchr(buffer, '\0', len) != NULL) {
        explicit_bzero(buffer, most);
        return failure_of(FAILURE_FINAL, "misconfigured",
                          "the file that the config names does not hold a line of text");
    }
    buffer[len] = '\0';
    end = strcspn(buffer, "\r\n");
    explicit_bzero(buffer + end, most - end);
    return no_failure();
}

struct failure source_read(const struct source *source, char **text)
{
    const char *found = source->text;
    *text = NULL;
    if (source->file != NULL) {
        struct failure failure;
        *text = calloc(1, MAX_SECRET);
        if (*text == NULL) {
            return failure_of(FAILURE_MEMORY, "", "");
        }
        failure = read_file(source->file, *text, MAX_SECRET);
        if (failure.kind != FAILURE_NONE) {
            free(*text);
            *text = NULL;
        }
        return failure;
    }
    if (source->environment != NULL) {
        found = getenv(source->environment);
        if (found == NULL || *found == '\0') {
            return failure_of(FAILURE_FINAL, "misconfigured",
                              "the environment variable that the config names is not set");
        }
    }
    if (found != NULL && (*text = strdup(found)) == NULL) {
        return failure_of(FAILURE_MEMORY, "", "");
    }
    return no_failure();
}
