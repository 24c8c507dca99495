// Parses one answer of an HTTP server, however it is cut into pieces, and bounds it.
// A value of one exchange; not thread-safe.
#pragma once

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "payments/http_message.hpp"

namespace holdfast::payments {

inline constexpr std::size_t largest_answer_header_bytes = 8 * 1024;
/// A hundred intents take about 50 KiB.
inline constexpr std::size_t largest_answer_body_bytes = 1024 * 1024;
/// All bytes of one answer: a body of small chunks is longer on the wire.
inline constexpr std::size_t largest_answer_bytes = 2 * 1024 * 1024;

class http_answer_parser {
 public:
  enum class progress : std::uint8_t { need_more, complete, refused };

  http_answer_parser();

  progress feed(std::string_view bytes);
  /// The server has closed: the end of an answer that said no length.
  progress end_of_stream();

  bool has_begun() const { return bytes_ > 0; }

  /// Whether the connection is good for another request; for a complete answer. What came behind
  /// the answer was not asked for, so nothing after it can be trusted.
  bool keep_alive() const { return parser_->keep_alive() && pending_.empty(); }
  http_answer take();

 private:
  using parser_type = boost::beast::http::response_parser<boost::beast::http::string_body>;

  void begin();
  bool must_wait_for_chunk() const;
  /// False where the answer is refused.
  bool put(bool& needs_more);

  std::optional<parser_type> parser_;
  /// Received and not yet parsed.
  std::string pending_;
  std::size_t bytes_ = 0;
  std::size_t header_bytes_ = 0;
};

}  // namespace holdfast::payments
