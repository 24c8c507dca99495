// Whose a stream of /events is, and whether he may still have it. Value.
#pragma once

#include <functional>
#include <string>

namespace holdfast::http {

struct stream_owner {
  /// Streams of one name are one principal's. Empty where nobody is asked who he is: then no bound but the
  /// node's counts.
  std::string name;
  /// Whether the credential that the stream was asked for with still says who he is. Called on the feed's
  /// thread. Empty where there is none.
  std::function<bool()> still_known;
};

}  // namespace holdfast::http
