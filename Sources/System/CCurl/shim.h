#include <curl/curl.h>

/* curl_easy_setopt, curl_easy_getinfo and curl_multi_setopt are variadic; these are their fixed forms. */
static inline CURLcode dc_curl_set_long(CURL *curl, CURLoption option, long value)
{
    return curl_easy_setopt(curl, option, value);
}
static inline CURLcode dc_curl_set_size(CURL *curl, CURLoption option, curl_off_t value)
{
    return curl_easy_setopt(curl, option, value);
}
static inline CURLcode dc_curl_set_pointer(CURL *curl, CURLoption option, const void *value)
{
    return curl_easy_setopt(curl, option, value);
}
typedef size_t (*dc_curl_write)(char *data, size_t size, size_t count, void *user);
static inline CURLcode dc_curl_set_write(CURL *curl, CURLoption option, dc_curl_write function)
{
    return curl_easy_setopt(curl, option, function);
}
static inline CURLcode dc_curl_get_long(CURL *curl, CURLINFO info, long *value)
{
    return curl_easy_getinfo(curl, info, value);
}
static inline CURLcode dc_curl_get_pointer(CURL *curl, CURLINFO info, void *value)
{
    return curl_easy_getinfo(curl, info, (char **)value);
}
static inline CURLMcode dc_curl_multi_set_long(CURLM *multi, CURLMoption option, long value)
{
    return curl_multi_setopt(multi, option, value);
}
static inline CURLcode dc_curl_set_open_socket(CURL *curl, curl_opensocket_callback function)
{
    return curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, function);
}
static inline CURLcode dc_curl_set_close_socket(CURL *curl, curl_closesocket_callback function)
{
    return curl_easy_setopt(curl, CURLOPT_CLOSESOCKETFUNCTION, function);
}
static inline CURLcode dc_curl_set_before_request(CURL *curl, curl_prereq_callback function)
{
    return curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, function);
}
/* A message's result is in a union, an address behind a smaller type than its own: neither is for Swift to reach. */
static inline CURLcode dc_curl_result(const CURLMsg *message)
{
    return message->data.result;
}
static inline const void *dc_curl_address(const struct curl_sockaddr *address)
{
    return &address->addr;
}

/* OpenSSL's, which libcurl hands out connections of. */
struct ssl_st;
int SSL_has_pending(const struct ssl_st *connection);

/* Whether the TLS of a transfer's connection holds input that libcurl has not read: 1, or 0, also without TLS; -1 when
 * its TLS is not OpenSSL's, and cannot be asked. */
static inline int dc_curl_tls_pending(CURL *curl)
{
    struct curl_tlssessioninfo *tls = NULL;
    if (curl_easy_getinfo(curl, CURLINFO_TLS_SSL_PTR, &tls) != CURLE_OK || tls == NULL || tls->internals == NULL) {
        return 0;
    }
    return tls->backend == CURLSSLBACKEND_OPENSSL ? SSL_has_pending((const struct ssl_st *)tls->internals) : -1;
}
