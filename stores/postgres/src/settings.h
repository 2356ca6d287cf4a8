/* settings.h - the config of a store. */
#ifndef SETTINGS_H
#define SETTINGS_H
#include "failure.h"

/** Where a text is that the config does not hold itself. It is read each time that it is needed, so that a password can be
 * changed while the store is open. */
struct source {
    char *text;        /* the text itself */
    char *file;        /* the file that holds it, with or without a line's end */
    char *environment; /* the variable that holds it */
};

struct settings {
    struct source url;      /* as libpq takes it: postgresql://... or host=... */
    struct source password; /* nothing: as the url says, or libpq's ~/.pgpass */
    char *schema;
    char *vault;
    int pool_size;
    int open_ms; /* what opening may take */
    bool prepared;
};

/** What is read has to be freed, also after a failure. */
struct failure settings_read(const char *config, size_t len, struct settings *settings);

void settings_free(struct settings *settings);

/** The text, which the caller wipes and frees; NULL in *text if the source is not set. */
struct failure source_read(const struct source *source, char **text);

/** NULL is a no-op. */
void wipe_text(char *text);

#endif
