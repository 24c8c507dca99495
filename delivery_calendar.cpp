#include "delivery_calendar.hpp"

#include <date/date.h>
#include <date/tz.h>

#include <stdexcept>

namespace holdfast {

namespace {

using date::local_info;
using local_milliseconds = date::local_time<std::chrono::milliseconds>;

/// The moment at which clocks with this offset show `local`.
domain::zoned_timestamp at_offset(local_milliseconds local, std::chrono::seconds offset) {
  return {domain::timestamp{local.time_since_epoch() - offset},
          std::chrono::floor<std::chrono::minutes>(offset)};
}

}  // namespace

tl::expected<delivery_calendar, std::string> delivery_calendar::open(const std::string& zone,
                                                                     std::chrono::days ahead) {
  try {
    return delivery_calendar{*date::locate_zone(zone), ahead};
  } catch (const std::runtime_error&) {
    return tl::unexpected("there is no time zone '" + zone +
                          "' on this machine; give an IANA name such as Asia/Seoul (package tzdata)");
  }
}

domain::zoned_timestamp delivery_calendar::delivery_date(domain::timestamp paid_at) const {
  const local_milliseconds due = zone_->to_local(paid_at) + ahead_;
  const local_info clocks = zone_->get_info(due);
  if (clocks.result != local_info::nonexistent) return at_offset(due, clocks.first.offset);
  return {clocks.second.begin, std::chrono::floor<std::chrono::minutes>(clocks.second.offset)};
}

}  // namespace holdfast
