import Bridge
import CDescopeConn
import Foundation
import Testing

/// The cases that every language runs: `Tests/cases/*.json`, see the README there. Here through the C functions, from
/// Swift.
@Suite struct CaseTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let file: String
        let name: String
        let text: Data

        var testDescription: String { "\(file): \(name)" }
    }

    static let cases: [Case] = {
        let folder = Foundation.URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "cases")
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return files.filter { $0.pathExtension == "json" }.flatMap { file in
            let read = (try? JSONSerialization.jsonObject(with: Data(contentsOf: file))) as? [[String: Any]] ?? []
            return read.map { test in
                let text = try? JSONSerialization.data(withJSONObject: test)
                return Case(
                    file: file.lastPathComponent, name: test["name"] as? String ?? "", text: text ?? Data())
            }
        }
    }()

    @Test func thereAreCases() { #expect(!Self.cases.isEmpty) }

    @Test(arguments: cases) func passes(_ test: Case) throws {
        let test = try #require(JSONSerialization.jsonObject(with: test.text) as? [String: Any])
        var run = try CaseRun()
        defer { run.removeFolder() }
        let (handle, failure) = try run.open(test["open"])
        if let expected = test["error"] {
            #expect(run.differences(expected, failure?["error"], "error") == [])
            return
        }
        #expect(failure == nil)
        defer { #expect(descope_conn_close(handle, 30_000) == DESCOPE_CONN_OK) }
        for (index, step) in (test["calls"] as? [[String: Any]] ?? []).enumerated() {
            let answer = try run.call(handle, step["request"])
            if let expected = step["error"] {
                #expect(run.differences(expected, answer["error"], "calls[\(index)].error") == [])
            } else {
                #expect(run.differences(NSNull(), answer["error"], "calls[\(index)].error") == [])
                #expect(run.differences(step["answer"], answer, "calls[\(index)].answer") == [])
            }
        }
    }
}

/// One case: its folder, and what it has captured.
struct CaseRun {
    private let folder: Foundation.URL
    private var captured: [String: Any] = [:]

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "descope_conn.\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    func removeFolder() { try? FileManager.default.removeItem(at: folder) }

    func open(_ config: Any?) throws -> (descope_conn_handle, failure: [String: Any]?) {
        let text = try text(config)
        var handle: descope_conn_handle = 0
        let failure = try answer { out, length in
            text.withUnsafeBytes { bytes in
                descope_conn_open(bytes.bindMemory(to: CChar.self).baseAddress, bytes.count, &handle, &out, &length)
            }
        }
        return (handle, failure)
    }

    func call(_ handle: descope_conn_handle, _ request: Any?) throws -> [String: Any] {
        let text = try text(request)
        let answer = try answer { out, length in
            text.withUnsafeBytes { bytes in
                descope_conn_call(
                    handle, bytes.bindMemory(to: CChar.self).baseAddress, bytes.count, 30_000, &out, &length)
            }
        }
        return try #require(answer)
    }

    private func text(_ value: Any?) throws -> Data {
        try JSONSerialization.data(withJSONObject: filledIn(#require(value)))
    }

    private func answer(
        _ body: (inout UnsafeMutablePointer<CChar>?, inout Int) -> descope_conn_status
    ) throws -> [String: Any]? {
        var out: UnsafeMutablePointer<CChar>?
        var length = 0
        let status = body(&out, &length)
        guard let out else { return nil }
        defer { descope_conn_free(out) }
        let object = try JSONSerialization.jsonObject(with: Data(bytes: out, count: length)) as? [String: Any]
        #expect((status < 0) == (object?["error"] != nil))
        return object
    }

    /// A config or request, with what its strings stand for in their place.
    private func filledIn(_ value: Any) -> Any {
        switch value {
        case let object as [String: Any]: object.mapValues(filledIn)
        case let array as [Any]: array.map(filledIn)
        case let string as String where string.hasPrefix("$TMP"): folder.path + string.dropFirst(4)
        case let string as String where string.hasPrefix("$"): captured[String(string.dropFirst())] ?? string
        default: value
        }
    }

    /// What is expected but not there.
    mutating func differences(_ expected: Any?, _ actual: Any?, _ path: String) -> [String] {
        switch (expected, actual) {
        case (let expected as [String: Any], let actual?) where expected["$capture"] is String:
            captured[expected["$capture"] as? String ?? ""] = actual
            return []
        case (let expected as [String: Any], let actual as [String: Any]):
            return expected.flatMap { differences($0.value, actual[$0.key], "\(path).\($0.key)") }
        case (let expected as [Any], let actual as [Any]) where expected.count == actual.count:
            return expected.indices.flatMap { differences(expected[$0], actual[$0], "\(path)[\($0)]") }
        case (is NSNull, nil): return []
        default:
            let wanted = expected.map(filledIn)
            if let wanted = wanted as? String, wanted == actual as? String { return [] }
            if let wanted = wanted as? NSNumber, wanted == actual as? NSNumber { return [] }
            if wanted is NSNull, actual is NSNull { return [] }
            return ["\(path): \(actual.map { "\($0)" } ?? "absent"), not \(wanted.map { "\($0)" } ?? "absent")"]
        }
    }
}
