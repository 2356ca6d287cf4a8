/// A moment as the console writes it.
struct Moment {
    /// Since 1970, UTC.
    let seconds: Int64

    /// The last second of the year 9999.
    private static let last: Int64 = 253_402_300_799

    init(_ seconds: Int64) { self.seconds = min(max(seconds, 0), Self.last) }

    /// Such as `2026-11-27 03:44 UTC`.
    var text: String { "\(minuteText) UTC" }

    /// Such as `2026-11-27 03:44:05 UTC`.
    var exactText: String { "\(minuteText):\(Self.two(seconds % 60)) UTC" }

    private var minuteText: String {
        let minutes = seconds / 60
        return "\(day) \(Self.two(minutes / 60 % 24)):\(Self.two(minutes % 60))"
    }

    /// Such as `2026-11-27`.
    var day: String {
        let (year, month, day) = Self.date(daysSince1970: seconds / 86400)
        return "\(year)-\(Self.two(month))-\(Self.two(day))"
    }

    /// How far it is from another moment, in the largest unit of which there are at least two.
    func text(from now: Int64, _ texts: Texts) -> String {
        let distance = seconds - now
        let minutes = abs(distance) / 60
        let isPast = distance <= 0
        let (name, count): (Texts.Name, Int64) =
            switch minutes {
            case 0: (isPast ? .timeJustNow : .timeSoon, 0)
            case ..<120: (isPast ? .timeMinutesAgo : .timeInMinutes, minutes)
            case ..<2880: (isPast ? .timeHoursAgo : .timeInHours, minutes / 60)
            default: (isPast ? .timeDaysAgo : .timeInDays, minutes / 1440)
            }
        return texts(name, ["count": String(count)])
    }

    private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : String(number) }

    /// Of the Gregorian calendar. The year is taken to begin in March, so that the day that not each has is its last.
    private static func date(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let days = daysSince1970 + 719_468  // since March 1 of the year 0
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let isNextYear = month >= 10
        return (
            era * 400 + yearOfEra + (isNextYear ? 1 : 0), isNextYear ? month - 9 : month + 3,
            dayOfYear - (153 * month + 2) / 5 + 1
        )
    }
}
