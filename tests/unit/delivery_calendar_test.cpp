#include "delivery_calendar.hpp"

#include <date/date.h>
#include <doctest/doctest.h>

#include <sstream>
#include <vector>

namespace holdfast {
namespace {

domain::timestamp utc(const std::string& text) {
  domain::timestamp at;
  std::istringstream in{text};
  in >> date::parse("%Y-%m-%dT%H:%M:%SZ", at);
  REQUIRE_MESSAGE(!in.fail(), text);
  return at;
}

TEST_CASE("delivery is so many calendar days later at the same local time") {
  struct row {
    const char* zone;
    int days;
    const char* paid_at;
    const char* due_at;
    int offset_minutes;
  };
  const std::vector<row> table{
      // Month end, year end, leap years.
      {"UTC", 21, "2026-01-15T10:00:00Z", "2026-02-05T10:00:00Z", 0},
      {"UTC", 21, "2026-12-20T23:59:59.999Z", "2027-01-10T23:59:59.999Z", 0},
      {"UTC", 21, "2028-02-08T00:00:00Z", "2028-02-29T00:00:00Z", 0},
      {"UTC", 21, "2027-02-08T00:00:00Z", "2027-03-01T00:00:00Z", 0},
      {"UTC", 21, "2100-02-08T00:00:00Z", "2100-03-01T00:00:00Z", 0},
      {"UTC", 0, "2026-11-22T15:30:00Z", "2026-11-22T15:30:00Z", 0},
      // 16:30 in London is 01:30 of the next day in Seoul: the day that counts is Seoul's.
      {"Asia/Seoul", 21, "2026-11-22T16:30:00Z", "2026-12-13T16:30:00Z", 540},
      {"Asia/Seoul", 21, "2026-12-31T15:00:00Z", "2027-01-21T15:00:00Z", 540},
      // Summer time begins and ends in between: the clock shows the same, the day has 23 or 25 hours.
      {"Europe/Berlin", 21, "2026-03-20T09:00:00Z", "2026-04-10T08:00:00Z", 120},
      {"Europe/Berlin", 21, "2026-10-15T08:00:00Z", "2026-11-05T09:00:00Z", 60},
      // 02:30 does not exist on 2026-03-29: the first moment after the gap is 03:00 summer time.
      {"Europe/Berlin", 21, "2026-03-08T01:30:00Z", "2026-03-29T01:00:00Z", 120},
      // 02:30 comes twice on 2026-10-25: the earlier, still in summer time.
      {"Europe/Berlin", 21, "2026-10-04T00:30:00Z", "2026-10-25T00:30:00Z", 120},
      // 01:30 in New York, on the day that it comes twice there.
      {"America/New_York", 1, "2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z", -240},
      // Offsets that are no whole hours.
      {"Asia/Kathmandu", 21, "2026-11-22T18:30:00Z", "2026-12-13T18:30:00Z", 345},
      {"America/St_Johns", 21, "2026-11-22T02:00:00Z", "2026-12-13T02:00:00Z", -210},
  };
  for (const row& each : table) {
    CAPTURE(each.zone);
    CAPTURE(each.paid_at);
    const auto calendar = delivery_calendar::open(each.zone, std::chrono::days{each.days});
    REQUIRE(calendar);
    const auto due = calendar->delivery_date(utc(each.paid_at));
    CHECK(due.at.time_since_epoch().count() == utc(each.due_at).time_since_epoch().count());
    CHECK(due.utc_offset.count() == each.offset_minutes);
  }
}

TEST_CASE("a zone that does not exist is refused by its name") {
  for (const char* zone : {"Asia/Soul", "", "Asia", "../../etc/passwd", "asia/seoul"}) {
    CAPTURE(zone);
    const auto calendar = delivery_calendar::open(zone, std::chrono::days{21});
    REQUIRE_FALSE(calendar);
    CHECK(calendar.error().find("'" + std::string(zone) + "'") != std::string::npos);
  }
}

}  // namespace
}  // namespace holdfast
