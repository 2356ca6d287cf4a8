#ifndef DC_CLOSE_ON_EXEC_H
#define DC_CLOSE_ON_EXEC_H

/* Keeps every descriptor of the library from programs that the host starts.
 *
 * What the library opens itself is opened so. libcurl and OpenSSL have no option for what they open for themselves: the
 * pairs of sockets that wake a waiting thread and end the resolving of a name, and the files of certificate authorities. So
 * the linker wraps the functions that open (Package.swift, `--wrap`), and each of their calls from what is linked
 * statically, which in the release library is all of it, opens close-on-exec. The host's own calls stay as they are. */

#endif
