// What became of the spans that were to be sent: counted since the start. Plain values.
#pragma once

#include <cstdint>

namespace holdfast::http {

struct span_figures {
  std::uint64_t sent = 0;
  // Lost: they found no room while others waited, the collector would not have them, or it did not answer.
  std::uint64_t without_room = 0;
  std::uint64_t refused = 0;
  std::uint64_t unanswered = 0;
};

}  // namespace holdfast::http
