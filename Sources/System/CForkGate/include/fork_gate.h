#ifndef DC_FORK_GATE_H
#define DC_FORK_GATE_H

#include <stdbool.h>

/* Keeps a fork away from the moments in which the Swift runtime makes something for the first time.
 *
 * Swift makes globals, types of generics and tables of conformances when they are first used, under locks of its own. A
 * child that is forked while another thread is at it has a lock that nobody will ever give up, and hangs when it uses the
 * same. So a fork waits until nothing is being made. The linker wraps those functions of the runtime (Package.swift,
 * `--wrap`), so that each of their calls goes through this gate: those of the library's own code, and where the runtime is
 * linked statically, as in the release library, those of the standard library too. */

/* Closes the gate, and returns true; or returns false, having done nothing, while something is being made. */
bool dc_fork_gate_close(void);

/* Waits until nothing is being made. Whoever calls this must hold no lock that a global's initializer may take. */
void dc_fork_gate_await(void);

/* Opens the gate, by the thread that closed it: in the parent, and in the child, where the other threads are gone. */
void dc_fork_gate_open(void);
void dc_fork_gate_renew(void);

#endif
