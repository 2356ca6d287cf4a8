// swift-tools-version:6.0
import PackageDescription

let package = Package(
    name: "descope-conn",
    products: [.executable(name: "descope-conn", targets: ["descope-conn"])],
    dependencies: [
        .package(name: "DescopeConn", path: "../bindings/swift"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        .target(
            name: "Commands",
            dependencies: [
                .product(name: "DescopeConn", package: "DescopeConn"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(name: "descope-conn", dependencies: ["Commands"]),
        .testTarget(name: "CommandsTests", dependencies: ["Commands"]),
    ])
