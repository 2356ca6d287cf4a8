#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

/* Macros that are made of others are not seen from Swift. */
static const int dc_evp_pkey_public_key = EVP_PKEY_PUBLIC_KEY;
