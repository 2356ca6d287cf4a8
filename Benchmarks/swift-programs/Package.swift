// swift-tools-version:6.1
// What the benchmarks need in Swift. It is no part of the library or the service.
import PackageDescription

let package = Package(
    name: "Benchmarks",
    dependencies: [
        .package(name: "DescopeConn", path: "../../bindings/swift"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    ],
    targets: [
        .executableTarget(name: "fetch", dependencies: [.product(name: "DescopeConn", package: "DescopeConn")]),
        .executableTarget(name: "route", dependencies: [.product(name: "Hummingbird", package: "hummingbird")]),
    ])
