#ifndef DC_SQLITE_LOCKS_H
#define DC_SQLITE_LOCKS_H

#include <stdbool.h>

/* Has SQLite lock its files by open file description (F_OFD_SETLK) rather than by process.
 *
 * Closing any descriptor of a file drops all the locks that a process has on it by fcntl, whoever took them. So a host that
 * reads its vault's file, copies it, or opens it by an SQLite of its own takes the locks from under ours, without either
 * noticing: another process then takes itself for the only one, and removes the log that we go on writing to. A lock of an
 * open file description goes when it is given up or when that description is closed, and it also holds against the rest
 * of the process. The two kinds stand in each other's way as they should, so nobody else has to change.
 *
 * It also has SQLite open what is a pipe, because somebody put one in a file's place, without waiting for its other end. */

/* Once, before any file is opened. False when this SQLite lets nobody replace its system calls. */
bool dc_sqlite_locks_install(void);

/* What this thread does with SQLite in between is ours: where the program and the library share one SQLite, the program's
 * own files are locked as ever. May be nested. */
void dc_sqlite_locks_enter(void);
void dc_sqlite_locks_leave(void);

/* Around a fork, in both processes, when none of the library's connections is left: an open file description that the two
 * shared would be one lock for both. */
void dc_sqlite_locks_before_fork(void);
void dc_sqlite_locks_after_fork(void);

/* Whether the system turned out not to know such locks; then SQLite's own are used. */
bool dc_sqlite_locks_are_missing(void);

#endif
