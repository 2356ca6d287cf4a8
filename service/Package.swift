// swift-tools-version:6.1
import PackageDescription

let package = Package(
    name: "descope-conn",
    products: [.executable(name: "descope-conn", targets: ["descope-conn"])],
    dependencies: [
        .package(name: "DescopeConn", path: "../bindings/swift"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // Without its traits it needs no more of Foundation than its essentials.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        .target(
            name: "Service",
            dependencies: [
                .product(name: "DescopeConn", package: "DescopeConn"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .target(
            name: "Commands",
            dependencies: [
                "Service",
                .product(name: "DescopeConn", package: "DescopeConn"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(
            name: "descope-conn", dependencies: ["Commands"],
            // Where its packages have the library.
            linkerSettings: [.unsafeFlags(["-Xlinker", "-rpath", "-Xlinker", "$ORIGIN/../lib"])]),
        .testTarget(name: "CommandsTests", dependencies: ["Commands"]),
        .testTarget(name: "ServiceTests", dependencies: ["Service"]),
    ])
