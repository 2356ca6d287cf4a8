/* test_descope_conn.c - runs the C tests: all groups, or those named. */
#include "harness.h"

#include <stdio.h>

static const struct {
    const char *name;
    int (*run)(void);
} groups[] = {
    /* First, while nothing has been opened yet. */
    {"process", test_process}, {"arguments", test_arguments}, {"requests", test_requests},
    {"handles", test_handles}, {"tickets", test_tickets},     {"log", test_log},
    {"plugins", test_plugins}, {"cases", test_cases},         {"first calls", test_first_calls},
};
/* The last one is for processes that test_process starts. */
enum { BY_NAME_ALONE = COUNT(groups) - 1 };

static int is_wanted(const char *name, int argc, char **argv)
{
    int index;
    for (index = 1; index < argc; index++) {
        if (strcmp(argv[index], name) == 0) {
            return 1;
        }
    }
    return argc == 1;
}

int main(int argc, char **argv)
{
    int failed = 0;
    size_t index;
    /* The tests fork while their plugin reads JSON: a child forked while jansson seeds its hashes would wait for ever. */
    json_object_seed(0);
    register_harness();
    for (index = 0; index < COUNT(groups); index++) {
        if (is_wanted(groups[index].name, argc, argv) && (index != BY_NAME_ALONE || argc > 1)) {
            failed += groups[index].run();
        }
    }
    printf("C harness: %s\n", failed == 0 ? "all tests passed" : "SOME TESTS FAILED");
    return failed == 0 ? 0 : 1;
}
