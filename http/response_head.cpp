#include "http/response_head.hpp"

#include <array>
// Beast's status.hpp prints to streams without including them.
#include <ostream>

#include <boost/beast/http/status.hpp>

#include "http/text.hpp"

namespace holdfast::http {

namespace {

void append_field(std::string& out, std::string_view name, std::string_view value) {
  append(out, name, ": ", value, "\r\n");
}

std::string_view reason_of(unsigned status) {
  const auto reason = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
  return {reason.data(), reason.size()};
}

/// The status line, and the fields that every response has.
void append_beginning(std::string& out, unsigned status, std::string_view date) {
  append(out, "HTTP/1.1 ", decimal(status).view(), " ", reason_of(status),
         "\r\nServer: holdfast\r\nDate: ", date, "\r\n");
}

/// To HTTP/1.0 a stream ends where the connection does.
void append_length(std::string& out, const response& response, answer_form form) {
  if (response.streamed) {
    if (!form.http_1_0) append_field(out, "Transfer-Encoding", "chunked");
    return;
  }
  append_field(out, "Content-Length", decimal(response.body.size()).view());
}

}  // namespace

std::string_view date_clock::now() {
  const std::time_t second = std::time(nullptr);
  if (second != second_) {
    std::tm utc{};
    gmtime_r(&second, &utc);
    std::array<char, 64> text;
    text_.assign(text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc));
    second_ = second;
  }
  return text_;
}

bool status_has_body(unsigned status) {
  return status >= 200 && status != 204 && status != 304;
}

void append_head(std::string& out, const response& response, answer_form form, std::string_view date) {
  append_beginning(out, response.status, date);
  if (status_has_body(response.status)) {
    if (!response.content_type.empty()) append_field(out, "Content-Type", response.content_type);
    append_length(out, response, form);
  }
  for (const auto& [name, value] : response.headers) append_field(out, name, value);
  // An HTTP/1.1 connection stays open unless it is said not to, an HTTP/1.0 one the other way.
  if (!form.keep_alive) {
    append_field(out, "Connection", "close");
  } else if (form.http_1_0) {
    append_field(out, "Connection", "keep-alive");
  }
  out += "\r\n";
}

}  // namespace holdfast::http
