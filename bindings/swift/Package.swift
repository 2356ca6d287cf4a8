// swift-tools-version:6.0
import PackageDescription

let package = Package(
    name: "DescopeConn",
    products: [.library(name: "DescopeConn", targets: ["DescopeConn"])],
    targets: [
        .systemLibrary(name: "CDescopeConn", pkgConfig: "descope_conn"),
        .target(name: "DescopeConn", dependencies: ["CDescopeConn"]),
        .testTarget(name: "DescopeConnTests", dependencies: ["DescopeConn"]),
    ])
