internal import Glibc

/// `errno` of the last system call on this thread.
///
/// Swift's own `errno`, like every Swift function in its Glibc module, brings in that whole module, and with it symbols
/// of a newer glibc than the library promises to run on. What is imported from C itself does not.
package var systemError: Int32 { __errno_location().pointee }
