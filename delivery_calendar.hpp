// When a reservation that was paid now is to be delivered: so many calendar days later, at the
// same time of day, as the clocks of one time zone show it.
// Immutable once opened, so any thread may ask. The zone's rules are the system's tzdata.
#pragma once

#include <chrono>
#include <string>
#include <tl/expected.hpp>

#include "domain/types.hpp"

namespace date {
class time_zone;
}

namespace holdfast {

class delivery_calendar {
 public:
  /// `zone` is an IANA name such as "Asia/Seoul"; a message that names it where there is none.
  static tl::expected<delivery_calendar, std::string> open(const std::string& zone, std::chrono::days ahead);

  /// The same local time `ahead` days later. A time that the clocks leave out there (summer time
  /// begins) becomes the first moment after the gap; one that they show twice, the earlier.
  domain::zoned_timestamp delivery_date(domain::timestamp paid_at) const;

 private:
  delivery_calendar(const date::time_zone& zone, std::chrono::days ahead) : zone_(&zone), ahead_(ahead) {}

  /// Owned by the time zone database, which lives as long as the process.
  const date::time_zone* zone_;
  std::chrono::days ahead_;
};

}  // namespace holdfast
