/// The library's version, by semantic versioning: what `descope_conn_build_info` and the User-Agent name.
package let libraryVersion = "1.0.0"
