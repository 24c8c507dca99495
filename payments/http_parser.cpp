#include "payments/http_parser.hpp"

#include <utility>

namespace holdfast::payments {

namespace {

namespace beast_http = boost::beast::http;

/// The least that the rest of a chunked body can be: "0", two line ends.
constexpr std::size_t least_rest_of_chunks_bytes = 5;

}  // namespace

http_answer_parser::http_answer_parser() {
  begin();
}

void http_answer_parser::begin() {
  parser_.emplace();
  parser_->header_limit(largest_answer_header_bytes);
  parser_->body_limit(largest_answer_body_bytes);
  // put() returns at the end of the header, so that its size can be counted.
  parser_->eager(false);
  header_bytes_ = 0;
}

http_answer_parser::progress http_answer_parser::feed(std::string_view bytes) {
  bytes_ += bytes.size();
  if (bytes_ > largest_answer_bytes) return progress::refused;
  pending_.append(bytes);
  while (!pending_.empty() && !must_wait_for_chunk()) {
    bool needs_more = false;
    if (!put(needs_more)) return progress::refused;
    if (parser_->is_done()) {
      if (parser_->get().result_int() / 100 != 1) return progress::complete;
      // An interim answer, such as 103 (Early Hints): the real one follows.
      begin();
    } else if (needs_more) {
      break;
    }
  }
  return progress::need_more;
}

/// Beast bounds what it is shown at once: headers that come line by line have to be added up.
bool http_answer_parser::put(bool& needs_more) {
  const bool was_in_header = !parser_->is_header_done();
  boost::beast::error_code error;
  const std::size_t taken = parser_->put(boost::asio::buffer(pending_), error);
  pending_.erase(0, taken);
  needs_more = error == beast_http::error::need_more;
  if (error && !needs_more) return false;
  if (was_in_header) {
    header_bytes_ += taken;
    const std::size_t known_bytes = header_bytes_ + (parser_->is_header_done() ? 0 : pending_.size());
    if (known_bytes > largest_answer_header_bytes) return false;
  }
  return true;
}

/// Beast 1.81 asserts that the last chunk has at least five bytes when it looks at it a second
/// time: a server that sends byte by byte would end the process.
bool http_answer_parser::must_wait_for_chunk() const {
  return parser_->is_header_done() && parser_->chunked() && pending_.size() < least_rest_of_chunks_bytes;
}

http_answer_parser::progress http_answer_parser::end_of_stream() {
  if (!parser_->is_header_done() || !parser_->need_eof()) return progress::refused;
  boost::beast::error_code error;
  parser_->put_eof(error);
  return error || !parser_->is_done() ? progress::refused : progress::complete;
}

http_answer http_answer_parser::take() {
  auto message = parser_->release();
  return {message.result_int(), std::move(message.body())};
}

}  // namespace holdfast::payments
