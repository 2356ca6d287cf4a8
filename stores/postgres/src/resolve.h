/* resolve.h - the addresses of a host, within a deadline: getaddrinfo, and libpq, wait for the name service as long as that
 * pleases. */
#ifndef RESOLVE_H
#define RESOLVE_H
#include "failure.h"

/** Numeric addresses, separated by commas; the caller frees them. */
struct failure resolve(const struct call *call, const char *name, char **addresses);

#endif
