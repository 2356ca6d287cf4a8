// swift-tools-version: 6.2
import PackageDescription

// DESCOPE_CONN_DEPS names a folder with static archives (see scripts/build-deps). With it the release library carries
// its dependencies and the Swift runtime; without it, the system's shared libraries are used, as `swift test` needs.
let deps = Context.environment["DESCOPE_CONN_DEPS"]

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
    name: "descope_conn",
    targets: [
        .systemLibrary(name: "CDescopeConn", path: "include"),
        .systemLibrary(name: "CJansson", path: "Sources/System/CJansson"),
        .systemLibrary(name: "CCurl", path: "Sources/System/CCurl"),
        .systemLibrary(name: "CSQLite", path: "Sources/System/CSQLite"),
        .systemLibrary(name: "CSodium", path: "Sources/System/CSodium"),
        library("Memory", []),
        library("JSON", ["CJansson", "Memory"]),
        library("Crypto", ["CSodium", "Memory"]),
        library("HTTP", ["CCurl", "Memory"]),
        library("Connections", ["HTTP", "JSON", "Memory"]),
        library("Cloud", ["Connections", "HTTP", "JSON", "Memory"]),
        tests("JSONTests", ["JSON"]),
        tests("HTTPTests", ["HTTP", "Memory"]),
        tests("ConnectionsTests", ["Connections", "HTTP", "JSON", "Memory"]),
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
        tests("CloudTests", ["Cloud", "Connections", "HTTP", "JSON", "Memory", "TestSupport"]),
    ]
)
