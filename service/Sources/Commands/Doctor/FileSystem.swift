/// What kinds of file systems there are.
enum FileSystem {
    /// Those without the locks and the shared memory that SQLite needs between machines.
    static let ofNetworks: Set<String> = [
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "afs", "fuse.sshfs", "fuse.glusterfs",
    ]

    /// The type of the file system on a device.
    /// - Parameter mounts: what /proc/self/mountinfo says, see proc(5).
    static func type(ofDevice device: UInt64, mounts: String) -> String? {
        // As makedev(3) puts them together.
        let major = (device >> 8) & 0xfff | (device >> 32) & ~0xfff
        let minor = device & 0xff | (device >> 12) & ~0xff
        for line in mounts.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 2, words[2] == "\(major):\(minor)", let dash = words.firstIndex(of: "-"),
                dash + 1 < words.count
            else { continue }
            return String(words[dash + 1])
        }
        return nil
    }
}
