/* curl.c - the least that an HTTP exchange takes: one handle of libcurl, whose connection is kept, in rounds.
 *
 *   curl URL BODY [HEADER...]        a POST; with an empty body, a GET
 *
 * CA_FILE in the environment names whom to trust. */
#include "rounds.h"
#include <curl/curl.h>
#include <string.h>

static CURL *handle;
static char answer[65536];
static size_t length;

static size_t receive(char *bytes, size_t size, size_t count, void *unused)
{
    (void)unused;
    if (length + size * count > sizeof answer) {
        return 0;
    }
    memcpy(answer + length, bytes, size * count);
    length += size * count;
    return size * count;
}

static void call(void)
{
    long status = 0;
    length = 0;
    CURLcode code = curl_easy_perform(handle);
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status != 200 || length == 0) {
        fprintf(stderr, "the exchange failed: %s, status %ld\n", curl_easy_strerror(code), status);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: curl URL BODY [HEADER...]\n");
        return 2;
    }
    handle = curl_easy_init();
    struct curl_slist *headers = NULL;
    for (int i = 3; i < argc; i++) {
        headers = curl_slist_append(headers, argv[i]);
    }
    curl_easy_setopt(handle, CURLOPT_URL, argv[1]);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    if (argv[2][0] != '\0') {
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, argv[2]);
    }
    if (getenv("CA_FILE") != NULL) {
        curl_easy_setopt(handle, CURLOPT_CAINFO, getenv("CA_FILE"));
    }
    rounds_serve(call, 1);
    curl_easy_cleanup(handle);
    curl_slist_free_all(headers);
    return 0;
}
