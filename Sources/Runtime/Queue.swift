/// First in, first out.
package struct Queue<Element> {
    private var elements: [Element?] = []
    private var first = 0

    package init() {}

    package var isEmpty: Bool { first == elements.count }
    package var count: Int { elements.count - first }

    package mutating func append(_ element: Element) { elements.append(element) }

    package mutating func popFirst() -> Element? {
        guard !isEmpty else { return nil }
        defer {
            elements[first] = nil
            first += 1
            if first * 2 > elements.count {
                elements.removeFirst(first)
                first = 0
            }
        }
        return elements[first]
    }
}

extension Queue: Sendable where Element: Sendable {}
