internal import Connections

/// The tables of a vault's file.
///
/// A row's key stands in an index, beside its number, so that the way to a row stays short however long the values are; in
/// a table WITHOUT ROWID the values would stand in the inner pages, a handful to a page.
enum SQLiteFormat {
    /// Marks the file as ours in SQLite's header: "dcvt".
    private static let applicationID: Int64 = 0x6463_7674

    /// Makes the tables in an empty file, and brings those of an earlier version up to date; refuses a file that is something
    /// else, and leaves it as it is.
    static func prepare(_ connection: SQLiteConnection) throws(ConnError) {
        if try isEmpty(connection) {
            try connection.transaction("BEGIN EXCLUSIVE") { (connection) throws(ConnError) in
                guard try isEmpty(connection) else { return }  // another process was faster
                try make(connection, last: 0)
                try connection.run("PRAGMA application_id = 1684239988")
            }
        }
        try check(connection)
        if try version(connection) == 1 { try migrate(connection) }
        guard try connection.text("PRAGMA journal_mode = WAL") == "wal" else {
            throw ConnError(.internal, "the file system of the vault's database cannot share memory (WAL)")
        }
    }

    /// - Throws: `internal` when it is no vault's, or one's that this version does not know.
    static func check(_ connection: SQLiteConnection) throws(ConnError) {
        guard try connection.integer("PRAGMA application_id") == applicationID else {
            throw ConnError(.internal, "the file is a database of something else")
        }
        guard let version = try version(connection), (1...2).contains(version) else {
            throw ConnError(.internal, "the vault's database is of a newer version of this library")
        }
    }

    /// Whether the file is of this format.
    static func hasMark(_ connection: SQLiteConnection) throws(ConnError) -> Bool {
        try connection.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'state'") == 1
    }

    static func mark(_ connection: SQLiteConnection) throws(ConnError) -> Mark {
        guard let mark = try connection.blob("SELECT mark FROM state").flatMap(Mark.init) else {
            throw ConnError(.internal, "the vault's database is corrupt: it does not say which one it is")
        }
        return mark
    }

    /// Which page of the file the mark stands in, and how large a page is.
    static func markPage(_ connection: SQLiteConnection) throws(ConnError) -> (number: Int, bytes: Int) {
        let number = try connection.integer("SELECT rootpage FROM sqlite_schema WHERE name = 'state'") ?? 1
        return (Int(number), Int(try connection.integer("PRAGMA page_size") ?? 4096))
    }

    private static func make(_ connection: SQLiteConnection, last: Int64) throws(ConnError) {
        try connection.run("CREATE TABLE state (mark BLOB NOT NULL) STRICT")
        try connection.run("INSERT INTO state (mark) VALUES (?)", .blob(Mark(last: last).bytes))
        // The version comes before the value, so that it is read without it.
        try connection.run(
            """
            CREATE TABLE vault (
              id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, version INTEGER NOT NULL, value BLOB NOT NULL
            ) STRICT
            """)
        try connection.run("PRAGMA user_version = 2")
    }

    /// From version 1, whose one table had everything WITHOUT ROWID. It comes through as a whole or not at all.
    private static func migrate(_ connection: SQLiteConnection) throws(ConnError) {
        try connection.transaction("BEGIN IMMEDIATE") { (connection) throws(ConnError) in
            guard try version(connection) == 1 else { return }  // another process was faster
            let last = try connection.integer("SELECT last FROM version") ?? 0
            try connection.run("ALTER TABLE vault RENAME TO vault_1")
            try make(connection, last: last)
            try connection.run("INSERT INTO vault (key, version, value) SELECT key, version, value FROM vault_1")
            try connection.run("DROP TABLE vault_1")
            try connection.run("DROP TABLE version")  // what an earlier library that has the file open looks for
        }
    }

    private static func version(_ connection: SQLiteConnection) throws(ConnError) -> Int64? {
        try connection.integer("PRAGMA user_version")
    }

    private static func isEmpty(_ connection: SQLiteConnection) throws(ConnError) -> Bool {
        try connection.integer("SELECT count(*) FROM sqlite_schema") == 0
    }
}
