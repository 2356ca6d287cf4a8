import Connections
import JSON
import Runtime
import Testing

/// Swift's strings are equal when they read the same; ids are when their bytes are.
@Suite struct IDTests {
    @Test(arguments: [
        ("jos\u{e9}", "jose\u{301}"), ("K", "\u{212A}"), ("\u{c5}", "\u{212B}"), ("\u{1112}\u{1161}", "\u{d558}"),
    ])
    func idsThatReadTheSameAreNotTheSame(_ one: String, _ other: String) {
        #expect(one == other)
        #expect(ID(one) == ID(one) && ID(one) != ID(other))
        #expect(ID(one).hashValue == ID(one).hashValue && ID(one).hashValue != ID(other).hashValue)
        #expect((ID(one) < ID(other)) != (ID(other) < ID(one)))
        #expect(Set([ID(one), ID(other), ID(one)]).count == 2)
        #expect(JSON.texts([ID(one): "1", ID(other): "2"]).texts == [ID(one): "1", ID(other): "2"])
        let subjects = [one, other].flatMap { id in
            [
                Subject.user(ID(id)), .tenant(ID(id)), .userInTenant(user: ID(id), tenant: "t"),
                .userInTenant(user: "u", tenant: ID(id)),
            ]
        }
        #expect(Set(subjects).count == 8)
    }

    @Test func theOrderIsThatOfTheBytes() {
        let ids: [ID] = ["", "B", "a", "ab", "b", "e\u{301}", "\u{e9}", "\u{ffff}", "\u{10000}"]
        #expect(ids.shuffled().sorted() == ids)
    }
}
