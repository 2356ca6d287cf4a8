import Glibc

/// Whether a vault's files are where, and as, they should be.
enum VaultFiles {
    static func findings(_ place: VaultPlace) -> [Finding] {
        var findings = File.exists(place.path) ? vault(place.path) : []
        if case .file(let path) = place.key { findings += key(path) }
        return findings
    }

    private static func vault(_ path: String) -> [Finding] {
        var findings = [access("file", path, forWriting: true)]
        if let name = networkFileSystem(path) {
            findings.append(
                .problem("disk", "\(path) is on a network file system (\(name))", hint: "Move it to a local disk."))
        }
        if let free = freeBytes(path), free < 64 << 20 {
            findings.append(.warning("disk", "only \(free >> 20) MiB are free", hint: "Make room."))
        }
        let folder = File.folder(of: path)
        if Glibc.access(folder, W_OK) != 0 {
            findings.append(
                .problem("folder", "\(folder) cannot be written to, which SQLite must", hint: "Change its permissions.")
            )
        }
        return findings
    }

    private static func key(_ path: String) -> [Finding] {
        File.exists(path) ? [access("key", path, forWriting: false)] : []
    }

    private static func access(_ check: String, _ path: String, forWriting: Bool) -> Finding {
        guard Glibc.access(path, forWriting ? R_OK | W_OK : R_OK) == 0 else {
            return .problem(
                check, "\(path) cannot be \(forWriting ? "written" : "read") by \(Environment.account)",
                hint: "Change its owner or permissions.")
        }
        let mode = (File.status(path)?.st_mode ?? 0) & 0o777
        guard mode & 0o077 == 0 else {
            return .warning(
                check, "others can reach \(path), whose mode is \(String(mode, radix: 8))", hint: "chmod 600 \(path)")
        }
        return .ok(check, "\(path), for nobody else")
    }

    private static func networkFileSystem(_ path: String) -> String? {
        guard let status = File.status(path), let mounts = try? File.read("/proc/self/mountinfo") else { return nil }
        return FileSystem.type(ofDevice: UInt64(status.st_dev), mounts: String(decoding: mounts, as: UTF8.self))
            .flatMap { FileSystem.ofNetworks.contains($0) ? $0 : nil }
    }

    private static func freeBytes(_ path: String) -> Int? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return Int(status.f_bavail) * Int(status.f_frsize)
    }
}
