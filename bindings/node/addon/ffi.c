/* ffi.c - the part of Node's own node:ffi module that this package uses, as a Node-API addon over libffi.
 *
 * Node has node:ffi since 26.1. This addon gives older versions the same three functions, so that the JavaScript
 * above it is written once:
 *
 *   dlopen(path, definitions)  -> { functions }   path null: the process itself
 *   toBuffer(pointer, length)  -> Buffer          a copy of the bytes
 *   toString(pointer)          -> string | null   a copy of a terminated UTF-8 string; 0n gives null
 *
 * And one that node:ffi has not:
 *
 *   atTeardown(function, ...)  -> () => void      calls it with these numbers when the thread's JavaScript is torn down,
 *                                                 as by worker.terminate(), unless what it returns was called before
 *
 * A definition is { arguments: [type, ...], return: type }. The types are void (return only), int32, uint32, uint64,
 * pointer and buffer, and values convert as they do in node:ffi (doc/api/ffi.md, "Calling native functions"):
 * 32-bit integers are numbers; uint64 takes a bigint or a safe integer and returns a bigint; pointer and buffer take
 * null, undefined, a bigint address, or a view or ArrayBuffer whose memory is lent for the time of the call.
 *
 * Nothing is ever unloaded: a library with threads of its own must not be.
 *
 * An argument of the wrong type or out of range is a TypeError before anything is called. What cannot be checked is
 * what a C caller cannot check either: that the definition matches the function, and that an address is valid.
 *
 * There is no global state, so each worker thread has functions of its own. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <ffi.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <node_api.h>

#define MAX_ARGUMENTS    16
#define MAX_SAFE_INTEGER 9007199254740991.0 /* 2^53 - 1 */

/* In a function that JavaScript calls: any failure of Node-API ends it with an exception. */
#define TRY(call)              \
    do {                       \
        if ((call) != napi_ok) \
            return fail(env);  \
    } while (0)

static napi_value throw_type_error(napi_env env, const char *message)
{
    napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", message);
    return NULL;
}

/* Node-API fails with an exception pending (a getter threw, say) or without one (the value was not an object). */
static napi_value fail(napi_env env)
{
    const napi_extended_error_info *info = NULL;
    bool pending = false;
    napi_get_last_error_info(env, &info);
    const char *words = info != NULL && info->error_message != NULL ? info->error_message : "Node-API call failed";
    if (napi_is_exception_pending(env, &pending) == napi_ok && !pending)
        throw_type_error(env, words);
    return NULL;
}

/* One argument or result in its C form. libffi widens a small result to a whole ffi_arg. */
typedef union {
    int32_t int32;
    uint32_t uint32;
    uint64_t uint64;
    void *pointer;
    ffi_arg widened;
} slot;

/* --- Types -------------------------------------------------------------------------------------------------------- */

/* Each reader answers false for a value that is not of its type; it never leaves an exception behind. */

static bool read_integer(napi_env env, napi_value value, double min, double max, double *number)
{
    return napi_get_value_double(env, value, number) == napi_ok && *number >= min && *number <= max &&
           trunc(*number) == *number;
}

static bool read_int32(napi_env env, napi_value value, slot *out)
{
    double number;
    if (!read_integer(env, value, INT32_MIN, INT32_MAX, &number))
        return false;
    out->int32 = (int32_t)number;
    return true;
}

static bool read_uint32(napi_env env, napi_value value, slot *out)
{
    double number;
    if (!read_integer(env, value, 0, UINT32_MAX, &number))
        return false;
    out->uint32 = (uint32_t)number;
    return true;
}

static bool read_bigint(napi_env env, napi_value value, uint64_t *out)
{
    bool lossless = false;
    return napi_get_value_bigint_uint64(env, value, out, &lossless) == napi_ok && lossless;
}

static bool read_uint64(napi_env env, napi_value value, slot *out)
{
    double number;
    if (read_bigint(env, value, &out->uint64))
        return true;
    if (!read_integer(env, value, 0, MAX_SAFE_INTEGER, &number))
        return false;
    out->uint64 = (uint64_t)number;
    return true;
}

static bool read_address(napi_env env, napi_value value, void **out)
{
    uint64_t address;
    if (!read_bigint(env, value, &address) || address > UINTPTR_MAX)
        return false;
    *out = (void *)(uintptr_t)address;
    return true;
}

static bool read_pointer(napi_env env, napi_value value, slot *out)
{
    napi_valuetype type;
    bool is = false;
    if (napi_typeof(env, value, &type) != napi_ok)
        return false;
    if (type == napi_null || type == napi_undefined) {
        out->pointer = NULL;
        return true;
    }
    if (type == napi_bigint)
        return read_address(env, value, &out->pointer);
    if (napi_is_typedarray(env, value, &is) == napi_ok && is)
        return napi_get_typedarray_info(env, value, NULL, NULL, &out->pointer, NULL, NULL) == napi_ok;
    if (napi_is_dataview(env, value, &is) == napi_ok && is)
        return napi_get_dataview_info(env, value, NULL, &out->pointer, NULL, NULL) == napi_ok;
    if (napi_is_arraybuffer(env, value, &is) == napi_ok && is)
        return napi_get_arraybuffer_info(env, value, &out->pointer, NULL) == napi_ok;
    return false;
}

static napi_status write_void(napi_env env, const slot *value, napi_value *out)
{
    (void)value;
    return napi_get_undefined(env, out);
}

static napi_status write_int32(napi_env env, const slot *value, napi_value *out)
{
    return napi_create_int32(env, (int32_t)value->widened, out);
}

static napi_status write_uint32(napi_env env, const slot *value, napi_value *out)
{
    return napi_create_uint32(env, (uint32_t)value->widened, out);
}

static napi_status write_uint64(napi_env env, const slot *value, napi_value *out)
{
    return napi_create_bigint_uint64(env, value->uint64, out);
}

static napi_status write_pointer(napi_env env, const slot *value, napi_value *out)
{
    return napi_create_bigint_uint64(env, (uintptr_t)value->pointer, out);
}

typedef struct {
    const char *name;
    const char *described; /* what an argument must be; NULL: not a type for arguments */
    ffi_type *native;
    bool (*read)(napi_env env, napi_value value, slot *out);
    napi_status (*write)(napi_env env, const slot *value, napi_value *out);
} type;

static const type types[] = {
    {"void", NULL, &ffi_type_void, NULL, write_void},
    {"int32", "an int32", &ffi_type_sint32, read_int32, write_int32},
    {"uint32", "a uint32", &ffi_type_uint32, read_uint32, write_uint32},
    {"uint64", "a uint64", &ffi_type_uint64, read_uint64, write_uint64},
    {"pointer", "null, an address or a buffer", &ffi_type_pointer, read_pointer, write_pointer},
    {"buffer", "null, an address or a buffer", &ffi_type_pointer, read_pointer, write_pointer},
};

/* NULL, with an exception pending, when value does not name a type. */
static const type *find_type(napi_env env, napi_value value)
{
    char name[16] = "";
    char message[80];
    size_t length = 0;
    if (napi_get_value_string_utf8(env, value, name, sizeof name, &length) == napi_ok) {
        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
            if (strcmp(types[i].name, name) == 0)
                return &types[i];
    }
    snprintf(message, sizeof message, "Unsupported FFI type: %s", name);
    throw_type_error(env, message);
    return NULL;
}

/* --- Functions ---------------------------------------------------------------------------------------------------- */

/* A C function that JavaScript can call. Lives as long as its JavaScript function. */
typedef struct {
    void (*address)(void);
    ffi_cif cif;
    size_t count;
    const type *result;
    const type *arguments[MAX_ARGUMENTS];
    ffi_type *natives[MAX_ARGUMENTS]; /* the cif points here */
} function;

/* Tells these functions from other objects. */
static const napi_type_tag function_tag = {0x6465736370652d63, 0x6f6e6e2d66666921};

static void free_function(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    free(data);
}

/* false: an exception is pending. */
static bool read_arguments(napi_env env, const function *called, size_t count, const napi_value *arguments, slot *slots)
{
    char message[96];
    if (count != called->count) {
        snprintf(message, sizeof message, "Invalid argument count: expected %zu, got %zu", called->count, count);
        throw_type_error(env, message);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!called->arguments[i]->read(env, arguments[i], &slots[i])) {
            snprintf(message, sizeof message, "Argument %zu must be %s", i, called->arguments[i]->described);
            throw_type_error(env, message);
            return false;
        }
    }
    return true;
}

static void perform(const function *called, slot *slots, slot *result)
{
    void *addresses[MAX_ARGUMENTS];
    for (size_t i = 0; i < called->count; i++)
        addresses[i] = &slots[i];
    ffi_call((ffi_cif *)&called->cif, called->address, result, addresses);
}

static napi_value call_function(napi_env env, napi_callback_info info)
{
    napi_value arguments[MAX_ARGUMENTS];
    napi_value returned;
    slot slots[MAX_ARGUMENTS];
    slot result = {.uint64 = 0};
    size_t count = MAX_ARGUMENTS;
    void *data;

    TRY(napi_get_cb_info(env, info, &count, arguments, NULL, &data));
    function *called = data;
    if (!read_arguments(env, called, count, arguments, slots))
        return NULL;
    perform(called, slots, &result);
    TRY(called->result->write(env, &result, &returned));
    return returned;
}

/* Fills in the types from { arguments, return }. false: it failed, and an exception may be pending. */
static bool read_signature(napi_env env, napi_value signature, function *out)
{
    napi_value arguments, result, item;
    bool is_array = false;
    uint32_t count = 0;

    if (napi_get_named_property(env, signature, "arguments", &arguments) != napi_ok ||
        napi_get_named_property(env, signature, "return", &result) != napi_ok)
        return false;
    if (napi_is_array(env, arguments, &is_array) != napi_ok || !is_array ||
        napi_get_array_length(env, arguments, &count) != napi_ok || count > MAX_ARGUMENTS) {
        throw_type_error(env, "The arguments of a signature must be an array of at most 16 types");
        return false;
    }
    out->result = find_type(env, result);
    if (out->result == NULL)
        return false;
    out->count = count;
    for (uint32_t i = 0; i < count; i++) {
        if (napi_get_element(env, arguments, i, &item) != napi_ok)
            return false;
        out->arguments[i] = find_type(env, item);
        if (out->arguments[i] == NULL)
            return false;
        if (out->arguments[i]->read == NULL) {
            throw_type_error(env, "An argument cannot be void");
            return false;
        }
        out->natives[i] = out->arguments[i]->native;
    }
    if (ffi_prep_cif(&out->cif, FFI_DEFAULT_ABI, count, out->result->native, out->natives) != FFI_OK) {
        napi_throw_error(env, "ERR_FFI_CALL_FAILED", "ffi_prep_cif failed");
        return false;
    }
    return true;
}

static napi_value throw_loader_error(napi_env env, const char *what)
{
    const char *words = dlerror();
    char message[1024];
    snprintf(message, sizeof message, "%s failed: %s", what, words != NULL ? words : "no reason given");
    napi_throw_error(env, "ERR_FFI_CALL_FAILED", message);
    return NULL;
}

/* The JavaScript function for one symbol; NULL: it failed, and an exception may be pending. */
static napi_value make_function(napi_env env, void *library, const char *name, napi_value signature)
{
    napi_value made;
    void *symbol = dlsym(library, name);
    if (symbol == NULL)
        return throw_loader_error(env, "dlsym");

    function *called = calloc(1, sizeof *called);
    if (called == NULL) {
        napi_throw_error(env, "ERR_MEMORY_ALLOCATION_FAILED", "Out of memory");
        return NULL;
    }
    /* POSIX gives a function as a data pointer; ISO C has no cast for that. */
    memcpy(&called->address, &symbol, sizeof symbol);
    if (!read_signature(env, signature, called) ||
        napi_create_function(env, name, NAPI_AUTO_LENGTH, call_function, called, &made) != napi_ok ||
        napi_type_tag_object(env, made, &function_tag) != napi_ok ||
        napi_wrap(env, made, called, free_function, NULL, NULL) != napi_ok) {
        free(called);
        return NULL;
    }
    return made;
}

/* --- The end ------------------------------------------------------------------------------------------------------ */

/* A call that is made at the end. Lives as long as the JavaScript function that calls it off. */
typedef struct {
    function called; /* a copy: functions are freed at the end too */
    slot slots[MAX_ARGUMENTS];
    bool is_pending;
} last_call;

static void make_last_call(void *data)
{
    last_call *last = data;
    slot result = {.uint64 = 0};
    last->is_pending = false;
    perform(&last->called, last->slots, &result);
}

static void call_off(napi_env env, last_call *last)
{
    if (last->is_pending)
        napi_remove_env_cleanup_hook(env, make_last_call, last);
    last->is_pending = false;
}

static void free_last_call(napi_env env, void *data, void *hint)
{
    (void)hint;
    call_off(env, data);
    free(data);
}

static napi_value js_call_off(napi_env env, napi_callback_info info)
{
    napi_value returned;
    void *last;
    TRY(napi_get_cb_info(env, info, NULL, NULL, NULL, &last));
    call_off(env, last);
    TRY(napi_get_undefined(env, &returned));
    return returned;
}

static napi_value js_at_teardown(napi_env env, napi_callback_info info)
{
    napi_value arguments[1 + MAX_ARGUMENTS], returned;
    size_t count = 1 + MAX_ARGUMENTS;
    void *called;
    bool is = false;

    TRY(napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    if (count == 0 || napi_check_object_type_tag(env, arguments[0], &function_tag, &is) != napi_ok || !is)
        return throw_type_error(env, "Argument 0 must be a function of dlopen");
    TRY(napi_unwrap(env, arguments[0], &called));
    last_call *last = calloc(1, sizeof *last);
    if (last == NULL) {
        napi_throw_error(env, "ERR_MEMORY_ALLOCATION_FAILED", "Out of memory");
        return NULL;
    }
    last->called = *(function *)called;
    last->called.cif.arg_types = last->called.natives;
    for (size_t i = 0; i < last->called.count; i++)
        if (last->called.natives[i] == &ffi_type_pointer) {
            free(last);
            return throw_type_error(env, "What is called at the end takes no pointers");
        }
    if (!read_arguments(env, called, count - 1, arguments + 1, last->slots)) {
        free(last);
        return NULL;
    }
    if (napi_create_function(env, "callOff", NAPI_AUTO_LENGTH, js_call_off, last, &returned) != napi_ok ||
        napi_add_finalizer(env, returned, last, free_last_call, NULL, NULL) != napi_ok) {
        free(last);
        return fail(env);
    }
    last->is_pending = napi_add_env_cleanup_hook(env, make_last_call, last) == napi_ok;
    return returned;
}

/* --- The module --------------------------------------------------------------------------------------------------- */

/* A copy the caller frees; NULL, with an exception pending, unless value is a string without a zero byte. */
static char *copy_string(napi_env env, napi_value value, const char *complaint)
{
    size_t length = 0;
    char *copy = NULL;
    if (napi_get_value_string_utf8(env, value, NULL, 0, &length) == napi_ok && (copy = malloc(length + 1)) != NULL &&
        napi_get_value_string_utf8(env, value, copy, length + 1, &length) == napi_ok && strlen(copy) == length)
        return copy;
    free(copy);
    throw_type_error(env, complaint);
    return NULL;
}

/* Resolves every definition into the functions object. false: it failed, and an exception may be pending. */
static bool make_functions(napi_env env, void *library, napi_value definitions, napi_value functions)
{
    napi_value names, name, signature;
    uint32_t count = 0;
    if (napi_get_property_names(env, definitions, &names) != napi_ok ||
        napi_get_array_length(env, names, &count) != napi_ok)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (napi_get_element(env, names, i, &name) != napi_ok ||
            napi_get_property(env, definitions, name, &signature) != napi_ok)
            return false;
        char *symbol = copy_string(env, name, "A symbol must be a string without a zero byte");
        if (symbol == NULL)
            return false;
        napi_value made = make_function(env, library, symbol, signature);
        free(symbol);
        if (made == NULL || napi_set_property(env, functions, name, made) != napi_ok)
            return false;
    }
    return true;
}

static napi_value js_dlopen(napi_env env, napi_callback_info info)
{
    napi_value arguments[2], functions, returned;
    napi_valuetype path_type, definitions_type;
    size_t count = 2;
    char *path = NULL;

    TRY(napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    TRY(napi_typeof(env, arguments[0], &path_type));
    TRY(napi_typeof(env, arguments[1], &definitions_type));
    if (definitions_type != napi_object)
        return throw_type_error(env, "The definitions must be an object");
    if (path_type != napi_null) {
        path = copy_string(env, arguments[0], "The path must be null or a string without a zero byte");
        if (path == NULL)
            return NULL;
    }
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    free(path);
    if (library == NULL)
        return throw_loader_error(env, "dlopen");

    TRY(napi_create_object(env, &functions));
    if (!make_functions(env, library, arguments[1], functions))
        return fail(env);
    TRY(napi_create_object(env, &returned));
    TRY(napi_set_named_property(env, returned, "functions", functions));
    return returned;
}

static napi_value js_to_buffer(napi_env env, napi_callback_info info)
{
    napi_value arguments[2], buffer;
    size_t count = 2;
    void *pointer;
    double length;

    TRY(napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    if (!read_address(env, arguments[0], &pointer))
        return throw_type_error(env, "The pointer must be a bigint address");
    if (!read_integer(env, arguments[1], 0, MAX_SAFE_INTEGER, &length))
        return throw_type_error(env, "The length must be a non-negative integer");
    if (pointer == NULL && length > 0)
        return throw_type_error(env, "Cannot read from a null pointer");
    TRY(napi_create_buffer_copy(env, (size_t)length, pointer, NULL, &buffer));
    return buffer;
}

static napi_value js_to_string(napi_env env, napi_callback_info info)
{
    napi_value argument, string;
    size_t count = 1;
    void *pointer;

    TRY(napi_get_cb_info(env, info, &count, &argument, NULL, NULL));
    if (!read_address(env, argument, &pointer))
        return throw_type_error(env, "The pointer must be a bigint address");
    if (pointer == NULL)
        TRY(napi_get_null(env, &string));
    else
        TRY(napi_create_string_utf8(env, pointer, NAPI_AUTO_LENGTH, &string));
    return string;
}

NAPI_MODULE_INIT()
{
    static const napi_property_descriptor exported[] = {
        {"dlopen", NULL, js_dlopen, NULL, NULL, NULL, napi_enumerable, NULL},
        {"toBuffer", NULL, js_to_buffer, NULL, NULL, NULL, napi_enumerable, NULL},
        {"toString", NULL, js_to_string, NULL, NULL, NULL, napi_enumerable, NULL},
        {"atTeardown", NULL, js_at_teardown, NULL, NULL, NULL, napi_enumerable, NULL},
    };
    TRY(napi_define_properties(env, exports, sizeof exported / sizeof exported[0], exported));
    return exports;
}
