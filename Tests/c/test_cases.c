/* test_cases.c - the cases that every language runs; see Tests/cases/README.md. */
#define _XOPEN_SOURCE 700
#include "harness.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef CASES
#error "CASES is the folder of the cases"
#endif

struct run {
    char folder[64];  /* $TMP */
    json_t *captured; /* by name */
};

/* A copy of a config or request, with what its strings stand for in their place. */
static json_t *filled_in(struct run *run, json_t *value)
{
    const char *text = json_string_value(value);
    json_t *copy, *child;
    const char *key;
    size_t index;
    if (text != NULL && strncmp(text, "$TMP", 4) == 0) {
        return json_sprintf("%s%s", run->folder, text + 4);
    }
    if (text != NULL && text[0] == '$') {
        copy = json_object_get(run->captured, text + 1);
        assert_non_null(copy);
        return json_incref(copy);
    }
    copy = json_copy(value);
    json_object_foreach (copy, key, child) {
        json_object_set_new(copy, key, filled_in(run, child));
    }
    json_array_foreach (copy, index, child) {
        json_array_set_new(copy, index, filled_in(run, child));
    }
    return copy;
}

/* Whether `actual` (NULL: absent) is what is expected; says where it is not. */
static int matches(struct run *run, const json_t *expected, json_t *actual, const char *path)
{
    const char *capture = json_string_value(json_object_get(expected, "$capture"));
    int is_match = 1;
    char inner[512];
    const char *key;
    json_t *child;
    size_t index;
    if (capture != NULL) {
        is_match = actual != NULL;
        if (is_match) {
            json_object_set(run->captured, capture, actual);
        }
    } else if (json_is_object(expected) && json_is_object(actual)) {
        json_object_foreach ((json_t *)expected, key, child) {
            snprintf(inner, sizeof inner, "%s.%s", path, key);
            is_match &= matches(run, child, json_object_get(actual, key), inner);
        }
        return is_match;
    } else if (json_is_array(expected) && json_array_size(expected) == json_array_size(actual)) {
        json_array_foreach (expected, index, child) {
            snprintf(inner, sizeof inner, "%s[%u]", path, (unsigned)index);
            is_match &= matches(run, child, json_array_get(actual, index), inner);
        }
        return is_match;
    } else if (json_is_null(expected)) {
        is_match = actual == NULL || json_is_null(actual);
    } else {
        json_t *filled = filled_in(run, (json_t *)expected);
        is_match = json_equal(filled, actual);
        json_decref(filled);
    }
    if (!is_match) {
        char *wanted = json_dumps(expected, JSON_COMPACT | JSON_ENCODE_ANY);
        char *found = actual == NULL ? NULL : json_dumps(actual, JSON_COMPACT | JSON_ENCODE_ANY);
        print_error("%s: %s, not %s\n", path, found == NULL ? "absent" : found, wanted);
        free(found);
        free(wanted);
    }
    return is_match;
}

/* Whether an answer is what a step, or a case about open, expects. */
static int is_as_expected(struct run *run, const json_t *step, json_t *actual)
{
    const json_t *wanted = json_object_get(step, "error");
    json_t *error = json_object_get(actual, "error");
    if (wanted != NULL) {
        return matches(run, wanted, error, "error");
    }
    if (error != NULL) {
        print_error("error: %s\n", json_string_value(json_object_get(error, "message")));
        return 0;
    }
    return matches(run, json_object_get(step, "answer"), actual, "answer");
}

static struct answer call_json(descope_conn_handle handle, const json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT);
    struct answer answer = call(handle, text);
    free(text);
    return answer;
}

static int run_calls(struct run *run, const json_t *test, descope_conn_handle handle)
{
    const json_t *step;
    size_t index;
    json_array_foreach (json_object_get(test, "calls"), index, step) {
        json_t *request = filled_in(run, json_object_get(step, "request"));
        struct answer answer = call_json(handle, request);
        int is_good = is_as_expected(run, step, answer.json);
        json_decref(answer.json);
        json_decref(request);
        if (!is_good) {
            print_error("in calls[%u]\n", (unsigned)index);
            return 0;
        }
    }
    return 1;
}

static int run_case(struct run *run, const json_t *test)
{
    json_t *config = filled_in(run, json_object_get(test, "open"));
    char *text = json_dumps(config, JSON_COMPACT);
    descope_conn_handle handle = 0;
    char *out = NULL;
    size_t len = 0;
    descope_conn_status status = descope_conn_open(text, strlen(text), &handle, &out, &len);
    struct answer answer = take(status, out, len);
    const json_t *error = json_object_get(test, "error");
    int is_good;
    if (status != DESCOPE_CONN_OK) {
        is_good = error != NULL && is_as_expected(run, test, answer.json);
    } else {
        is_good = error == NULL && run_calls(run, test, handle);
        close_handle(handle);
    }
    json_decref(answer.json);
    free(text);
    json_decref(config);
    return is_good;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *level)
{
    (void)status;
    (void)type;
    (void)level;
    return remove(path);
}

static unsigned run_file(const char *name, unsigned *count)
{
    char path[1024];
    unsigned failed = 0;
    size_t index;
    json_error_t mistake;
    json_t *tests, *test;
    snprintf(path, sizeof path, "%s/%s", CASES, name);
    tests = json_load_file(path, JSON_REJECT_DUPLICATES, &mistake);
    if (!json_is_array(tests)) {
        print_error("%s:%d: %s\n", path, mistake.line, mistake.text);
        return 1;
    }
    json_array_foreach (tests, index, test) {
        struct run run = {"/tmp/descope_conn_cases.XXXXXX", json_object()};
        assert_non_null(mkdtemp(run.folder));
        if (!run_case(&run, test)) {
            print_error("%s: %s\n", name, json_string_value(json_object_get(test, "name")));
            failed++;
        }
        nftw(run.folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        json_decref(run.captured);
        ++*count;
    }
    json_decref(tests);
    return failed;
}

static void every_case(void **state)
{
    unsigned count = 0, failed = 0;
    DIR *folder = opendir(CASES);
    const struct dirent *entry;
    (void)state;
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        const char *extension = strrchr(entry->d_name, '.');
        if (extension != NULL && strcmp(extension, ".json") == 0) {
            failed += run_file(entry->d_name, &count);
        }
    }
    closedir(folder);
    print_message("%u cases, %u failed\n", count, failed);
    assert_true(count > 0);
    assert_int_equal(failed, 0);
}

int test_cases(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case),
    };
    return cmocka_run_group_tests_name("cases", tests, NULL, NULL);
}
