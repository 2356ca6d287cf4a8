extension Secret {
    /// A secret that is put together from parts, without a copy of them anywhere else.
    /// - Parameter write: is run twice, to count and to write, and must send the same bytes both times.
    package convenience init(writing write: (_ send: (UInt8) -> Void) -> Void) {
        var count = 0
        write { _ in count += 1 }
        self.init(count: count) { buffer in
            var rest = buffer[...]
            write { byte in
                guard let index = rest.indices.first else { return }
                rest[index] = byte
                rest = rest.dropFirst()
            }
        }
    }
}
