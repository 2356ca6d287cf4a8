// swift-tools-version: 6.2
import PackageDescription

// DESCOPE_CONN_DEPS names a folder with static archives (see scripts/build-deps). With it the release library carries
// its dependencies and the Swift runtime; without it, the system's shared libraries are used, as `swift test` needs.
let deps = Context.environment["DESCOPE_CONN_DEPS"]

/// The functions of the Swift runtime that a fork waits for: see Sources/System/CForkGate.
let forkGated = [
    "swift_checkMetadataState", "swift_conformsToProtocolCommon", "swift_dynamicCast",
    "swift_getAssociatedConformanceWitness", "swift_getAssociatedTypeWitness", "swift_getForeignTypeMetadata",
    "swift_getGenericMetadata", "swift_getKeyPath", "swift_getTypeByMangledNameInContext2",
    "swift_getTypeByMangledNameInContextInMetadataState2", "swift_getWitnessTable", "swift_once",
]

/// The functions that open what no child process is to inherit: see Sources/System/CCloseOnExec.
let closedOnExec = ["fopen", "fopen64", "open", "socket", "socketpair"]

/// How the release library is linked: see docs/architecture.md, "One file".
let releaseLink: [LinkerSetting] =
    deps.map { deps in
        [
            .unsafeFlags([
                "-L\(deps)/lib", "-static-stdlib", "-use-ld=lld",
                "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/Bridge/exports.map",
                "-Xlinker", "-soname=libdescope_conn.so.1",
                "-Xlinker", "-z", "-Xlinker", "nodelete",
                "-Xlinker", "-z", "-Xlinker", "now",
                "-Xlinker", "-z", "-Xlinker", "defs",
                "-Xlinker", "--gc-sections",
            ]),
            .linkedLibrary("ssl"),
            .linkedLibrary("crypto"),
        ]
    } ?? []

let strict: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .treatAllWarnings(as: .error),
    ] + (deps == nil ? [] : [.define("STATIC_DEPENDENCIES")])

func library(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
    name: "descope_conn",
    products: [
        .library(name: "descope_conn", type: .dynamic, targets: ["Bridge"])
    ],
    targets: [
        .systemLibrary(name: "CDescopeConn", path: "include"),
        .systemLibrary(name: "CPlatform", path: "Sources/System/CPlatform"),
        // Debian's valgrind does not read the newest clang's DWARF.
        .target(
            name: "CForkGate", path: "Sources/System/CForkGate", cSettings: [.unsafeFlags(["-gdwarf-4"])]),
        .target(
            name: "CCloseOnExec", path: "Sources/System/CCloseOnExec", cSettings: [.unsafeFlags(["-gdwarf-4"])]),
        .systemLibrary(name: "CJansson", path: "Sources/System/CJansson"),
        .systemLibrary(name: "CCurl", path: "Sources/System/CCurl"),
        .systemLibrary(name: "CSQLite", path: "Sources/System/CSQLite"),
        .target(
            name: "CSQLiteLocks", path: "Sources/System/CSQLiteLocks", cSettings: [.unsafeFlags(["-gdwarf-4"])]),
        .systemLibrary(name: "COpenSSL", path: "Sources/System/COpenSSL"),
        .systemLibrary(name: "CSodium", path: "Sources/System/CSodium"),

        library("Runtime", ["CForkGate", "CPlatform"]),
        library("JSON", ["CJansson", "Runtime"]),
        library("Crypto", ["CSodium", "Runtime"]),
        library("HTTP", ["CCurl", "CPlatform", "Runtime"]),
        library("Connections", ["HTTP", "JSON", "Runtime"]),
        library("Store", ["Connections", "Runtime"]),
        library("StoreSQLite", ["CPlatform", "CSQLite", "CSQLiteLocks", "Connections", "Runtime", "Store"]),
        library("Cloud", ["Connections", "Crypto", "HTTP", "JSON", "Runtime"]),
        library(
            "OAuth", ["Connections", "Crypto", "HTTP", "JSON", "Runtime"],
            resources: [.embedInCode("Providers/providers.json")]),
        library("Vault", ["CPlatform", "Connections", "Crypto", "HTTP", "JSON", "OAuth", "Runtime", "Store"]),
        library(
            "MCP", ["Connections", "Crypto", "HTTP", "JSON", "Runtime"],
            resources: [.embedInCode("clients.json"), .embedInCode("connect-card.html")]),
        library(
            "Pages", ["Connections", "Crypto", "HTTP", "JSON", "Runtime"],
            resources: [
                .embedInCode("ending.js"), .embedInCode("style.css"), .embedInCode("texts.json"),
            ]),
        library("JWT", ["COpenSSL", "Connections", "Crypto", "HTTP", "JSON", "Runtime"]),
        library("API", ["Connections", "JSON", "JWT", "Runtime"]),
        library("Plugins", ["CDescopeConn", "CPlatform", "Connections", "HTTP", "JSON", "Runtime", "Store"]),
        library(
            "Assembly",
            [
                "API", "Cloud", "Connections", "HTTP", "JSON", "MCP", "Pages", "Plugins", "Runtime", "Store",
                "StoreSQLite",
                "Vault",
            ]),
        .target(
            name: "Bridge",
            dependencies: [
                "Assembly", "CCloseOnExec", "CDescopeConn", "CCurl", "CJansson", "CPlatform", "CSodium", "CSQLite",
                "Connections", "HTTP", "JSON", "Plugins", "Runtime",
            ],
            exclude: ["exports.map"], swiftSettings: strict,
            linkerSettings: releaseLink + [
                .unsafeFlags((forkGated + closedOnExec).flatMap { ["-Xlinker", "--wrap=\($0)"] })
            ]),

        .target(
            name: "TestSupport",
            dependencies: [
                "COpenSSL", "Connections", "Crypto", "HTTP", "JSON", "Plugins", "Runtime", "Store", "StoreSQLite",
            ],
            path: "Tests/TestSupport", swiftSettings: strict),
        tests("JSONTests", ["JSON"]),
        tests("HTTPTests", ["HTTP", "Runtime", "TestSupport"]),
        tests("ConnectionsTests", ["Connections", "HTTP", "JSON", "Runtime", "TestSupport"]),
        tests("OAuthTests", ["Connections", "Crypto", "HTTP", "JSON", "Runtime", "OAuth", "TestSupport"]),
        tests(
            "VaultTests",
            [
                "CSQLite", "Cloud", "Connections", "Crypto", "HTTP", "JSON", "Runtime", "OAuth", "Plugins",
                "Store", "StoreSQLite", "TestSupport", "Vault",
            ]),
        tests(
            "APITests",
            ["API", "Connections", "HTTP", "JSON", "Runtime", "StoreSQLite", "TestSupport", "Vault"]),
        tests(
            "JWTTests",
            ["API", "Connections", "Crypto", "HTTP", "JSON", "Runtime", "TestSupport", "Vault"]),
        tests("StoreTests", ["Connections", "Store", "TestSupport"]),
        tests(
            "PluginsTests",
            ["CDescopeConn", "Connections", "HTTP", "JSON", "Plugins", "Runtime", "Store", "TestSupport"]),
        tests("BridgeTests", ["Bridge", "CDescopeConn", "Connections", "HTTP", "JSON", "Runtime", "TestSupport"]),
        tests(
            "MCPTests",
            [
                "Cloud", "Connections", "Crypto", "HTTP", "JSON", "MCP", "Runtime", "Store", "StoreSQLite",
                "TestSupport",
                "Vault",
            ]),
        tests(
            "PagesTests",
            [
                "Cloud", "Connections", "HTTP", "JSON", "MCP", "Pages", "Runtime", "StoreSQLite", "TestSupport",
                "Vault",
            ]),
        tests("CloudTests", ["Cloud", "Connections", "HTTP", "JSON", "Runtime", "TestSupport"]),
    ]
)
