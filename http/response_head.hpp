// Writes the head of a response (RFC 9112, section 4): the status line and the headers, up to
// and with the empty line. One date_clock for each event loop.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace holdfast::http {

/// The time as an IMF-fixdate (RFC 9110, section 5.6.7), formatted once a second.
class date_clock {
 public:
  std::string_view now();

 private:
  std::time_t second_ = -1;
  std::string text_;
};

/// What the request says about how to answer it.
struct answer_form {
  bool keep_alive = true;
  bool http_1_0 = false;
};

/// Whether a response of this status has a body at all (RFC 9110, section 6.4.1).
bool status_has_body(unsigned status);

/// The Content-Length is that of the body, sent or, after a HEAD, not; a stream has none.
void append_head(std::string& out, const response& response, answer_form form, std::string_view date);

}  // namespace holdfast::http
