/* test_dlopen.c - the library in a program that loads it, closes it and loads it again. Linked against nothing of it.
 *
 *   test_dlopen LIBRARY */
#define _POSIX_C_SOURCE 200809L
#include <descope_conn.h>

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define EXPECT(condition)                                               \
    if (!(condition)) {                                                 \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
        return 1;                                                       \
    }

/* ISO C has no conversion from an object's pointer to a function's; POSIX says that their bytes are the same. */
#define RESOLVE(library, function)                        \
    do {                                                  \
        void *address = dlsym(library, #function);        \
        memcpy(&my_##function, &address, sizeof address); \
    } while (0)

static uint32_t (*my_descope_conn_abi)(void);
static descope_conn_status (*my_descope_conn_open)(const char *, size_t, descope_conn_handle *, char **, size_t *);
static descope_conn_status (*my_descope_conn_close)(descope_conn_handle, uint32_t);
static descope_conn_status (*my_descope_conn_submit)(descope_conn_handle, const char *, size_t, uint32_t,
                                                     descope_conn_ticket *);
static descope_conn_status (*my_descope_conn_next)(descope_conn_handle, uint32_t, descope_conn_ticket *,
                                                   descope_conn_status *, char **, size_t *);

int main(int argc, char **argv)
{
    static const char config[] = "{\"backend\":\"plugin\",\"library\":\"" PLUGINS "/backend_static.so\","
                                 "\"config\":{\"tokens\":{}}}";
    static const char request[] = "{\"op\":\"static.sleep\",\"ms\":0}";
    descope_conn_handle handles[3];
    descope_conn_ticket ticket;
    descope_conn_status status;
    void *first = NULL;
    int round;
    EXPECT(argc == 2)
    for (round = 0; round < 3; round++) {
        void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        RESOLVE(library, descope_conn_abi);
        RESOLVE(library, descope_conn_open);
        RESOLVE(library, descope_conn_close);
        RESOLVE(library, descope_conn_submit);
        RESOLVE(library, descope_conn_next);
        first = first == NULL ? library : first;
        EXPECT(library == first) /* it was never away */
        EXPECT(my_descope_conn_abi() == DESCOPE_CONN_ABI)
        EXPECT(my_descope_conn_open(config, strlen(config), &handles[round], NULL, NULL) == DESCOPE_CONN_OK)
        EXPECT(my_descope_conn_submit(handles[round], request, strlen(request), 1000, &ticket) == DESCOPE_CONN_OK)
        EXPECT(dlclose(library) == 0)
        /* Its thread lives, and so does everything else. */
        EXPECT(my_descope_conn_next(handles[0], 30000, &ticket, &status, NULL, NULL) == DESCOPE_CONN_OK)
        EXPECT(my_descope_conn_submit(handles[0], request, strlen(request), 1000, &ticket) == DESCOPE_CONN_OK)
    }
    for (round = 0; round < 3; round++) {
        EXPECT(my_descope_conn_close(handles[round], 30000) == DESCOPE_CONN_OK)
    }
    printf("dlopen: all tests passed\n");
    return 0;
}
