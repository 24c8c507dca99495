#include "http/framing.hpp"

#include <string.h>

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>

#include <algorithm>
#include <utility>

#include "http/ascii.hpp"
#include "http/server.hpp"

namespace holdfast::http {

namespace {

namespace beast_http = boost::beast::http;
using beast_http::verb;

/// The least that the rest of a chunked body can be: "0", two line ends.
constexpr std::size_t least_rest_of_chunks_bytes = 5;

/// A domain name of 253 bytes or an address in brackets, a colon and a port.
constexpr std::size_t longest_host_bytes = 262;

std::string_view standard(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

method method_of(verb verb) {
  switch (verb) {
    case verb::get:
      return method::get;
    case verb::head:
      return method::head;
    case verb::post:
      return method::post;
    case verb::put:
      return method::put;
    case verb::patch:
      return method::patch;
    case verb::delete_:
      return method::del;
    case verb::options:
      return method::options;
    default:
      return method::other;
  }
}

/// Hosts go into links, so nothing is let in that could mean something there.
constexpr ascii::character_set host_characters(ascii::alphanumerics, ".-_~:[]");

bool is_host(std::string_view text) {
  return text.size() <= longest_host_bytes && host_characters.has_all_of(text);
}

bool is_target_byte(char c) {
  return c > 0x20 && c < 0x7f && c != '#';
}

bool is_control_byte(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}

bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return boost::beast::iequals({left.data(), left.size()}, {right.data(), right.size()});
}

/// A field that came more than once is one list (RFC 9110, section 5.3).
void append_to_list(std::string& list, std::string_view value) {
  if (!list.empty()) list += ", ";
  list += value;
}

fault fault_of(beast_http::error error) {
  switch (error) {
    case beast_http::error::header_limit:
      return fault::header_too_large;
    case beast_http::error::body_limit:
      return fault::body_too_large;
    case beast_http::error::bad_content_length:
    case beast_http::error::multiple_content_length:
    case beast_http::error::bad_transfer_encoding:
      return fault::ambiguous_framing;
    default:
      return fault::bad_request_line;
  }
}

std::string_view detail_of(beast_http::error error) {
  switch (error) {
    case beast_http::error::header_limit:
      return "Send at most 8192 bytes of header.";
    case beast_http::error::body_limit:
      return "Send at most 16384 bytes of body.";
    case beast_http::error::bad_content_length:
    case beast_http::error::multiple_content_length:
    case beast_http::error::bad_transfer_encoding:
      return "Send either one Content-Length or `Transfer-Encoding: chunked`.";
    case beast_http::error::bad_version:
      return "Use HTTP/1.1.";
    case beast_http::error::bad_method:
    case beast_http::error::bad_target:
      return "The request line is malformed.";
    case beast_http::error::bad_chunk:
    case beast_http::error::bad_chunk_extension:
      return "The chunked body is malformed.";
    default:
      return "The header is malformed.";
  }
}

/// A line that goes on with the field before it (RFC 9112, section 5.2): Beast joins them, others
/// read a field of its own, or none.
bool has_folded_line(std::string_view header) {
  for (auto rest = header; !rest.empty();) {
    rest = ascii::split(rest, '\n').second;
    if (rest.starts_with(' ') || rest.starts_with('\t')) return true;
  }
  return false;
}

/// Any error: what callbacks report has been written down by refuse() already.
const auto refused_by_us = beast_http::error::bad_value;

}  // namespace

request_parser::request_parser() {
  header_limit(largest_header_bytes);
  body_limit(largest_body_bytes);
  // Not eager: put() returns at the end of the header, so that its size can be checked.
  eager(false);
}

request_parser::~request_parser() {
  explicit_bzero(request_.body.data(), request_.body.size());
}

request_parser::step request_parser::feed(std::string_view bytes) {
  std::size_t skipped = 0;
  if (!got_some()) {
    // RFC 9112, section 2.2: empty lines before a request are ignored.
    while (bytes.substr(skipped, 2) == "\r\n") skipped += 2;
    request_bytes_ += skipped;
    header_bytes_ += skipped;
    if (header_bytes_ > largest_header_bytes) refuse(beast_http::error::header_limit);
    bytes.remove_prefix(skipped);
    if (bytes == "\r") bytes = {};
  }
  step step = feed_on(bytes);
  step.consumed += skipped;
  return step;
}

request_parser::step request_parser::feed_on(std::string_view bytes) {
  std::size_t consumed = 0;
  while (!refused_) {
    const std::string_view rest = bytes.substr(consumed);
    if (rest.empty() || must_wait_for_chunk(rest)) return {progress::need_more, consumed};
    const bool was_in_header = !is_header_done();
    error_code error;
    const std::size_t taken = put({rest.data(), rest.size()}, error);
    consumed += taken;
    if (error && error != beast_http::error::need_more) refuse(error);
    if (was_in_header && has_folded_line(rest.substr(0, taken))) {
      refuse(fault::bad_request_line, "Send each header field on one line.");
    }
    check_sizes(taken, rest.size() - taken, was_in_header);
    if (refused_) break;
    if (is_done()) return {progress::complete, consumed};
    if (error) {
      if (rest.size() - taken <= largest_header_bytes) return {progress::need_more, consumed};
      refuse(fault::bad_request_line, "The chunked body is malformed.");
    }
  }
  return {progress::refused, consumed};
}

/// Beast 1.81 asserts that the last chunk has at least five bytes when it looks at it a second
/// time: a client that sends byte by byte would end the process.
bool request_parser::must_wait_for_chunk(std::string_view rest) const {
  return is_header_done() && chunked() && rest.size() < least_rest_of_chunks_bytes;
}

/// Beast bounds what it is shown at once: headers that come line by line have to be added up.
void request_parser::check_sizes(std::size_t taken, std::size_t left, bool was_in_header) {
  request_bytes_ += taken;
  if (was_in_header) {
    header_bytes_ += taken;
    const std::size_t known_header_bytes = header_bytes_ + (is_header_done() ? 0 : left);
    if (known_header_bytes > largest_header_bytes) refuse(beast_http::error::header_limit);
  }
  if (request_bytes_ > largest_request_bytes) refuse(beast_http::error::body_limit);
}

void request_parser::refuse(fault fault, std::string_view detail) {
  if (refused_) return;
  refused_ = fault;
  refused_detail_ = detail;
}

void request_parser::refuse(error_code error) {
  const auto reason = static_cast<beast_http::error>(error.value());
  refuse(fault_of(reason), detail_of(reason));
}

problem request_parser::refusal() const {
  problem problem;
  problem.fault = refused_.value_or(fault::internal);
  problem.detail = refused_detail_;
  problem.instance = request_.path;
  problem.trace = request_.trace;
  return problem;
}

bool request_parser::claim_continue() {
  if (!expects_continue_ || !is_header_done()) return false;
  expects_continue_ = false;
  return !is_done() && request_.body.empty();
}

// --- The request line ---

void request_parser::on_request_impl(verb verb, string_view, string_view target, int version,
                                     error_code& error) {
  version_ = version;
  request_.method = method_of(verb);
  if (!read_target(standard(target))) {
    refuse(fault::bad_request_line, "The request target is malformed.");
    error = refused_by_us;
  }
}

/// The forms of RFC 9112, section 3.2, except that of CONNECT, which nothing here serves.
bool request_parser::read_target(std::string_view target) {
  if (!std::all_of(target.begin(), target.end(), is_target_byte)) return false;
  if (target == "*") {
    request_.path.assign(1, '*');
    return request_.method == method::options;
  }
  if (!target.starts_with('/')) return read_absolute_target(target);
  const std::size_t question_mark = target.find('?');
  request_.path = target.substr(0, question_mark);
  if (question_mark != std::string_view::npos) request_.query = target.substr(question_mark + 1);
  return true;
}

bool request_parser::read_absolute_target(std::string_view target) {
  const std::size_t scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos) return false;
  const std::string_view scheme = target.substr(0, scheme_end);
  if (!equal_ignoring_case(scheme, "http") && !equal_ignoring_case(scheme, "https")) return false;

  target.remove_prefix(scheme_end + 3);
  const std::size_t host_end = std::min(target.find_first_of("/?"), target.size());
  const std::string_view host = target.substr(0, host_end);
  if (host.empty() || !is_host(host)) return false;
  // This host is the one that counts, whatever the Host header says (RFC 9112, section 3.2.2).
  request_.host = host;
  target_names_host_ = true;

  target.remove_prefix(host_end);
  if (target.starts_with('/')) return read_target(target);
  if (target.empty() && request_.method == method::options) return read_target("*");
  std::string path_and_query(1, '/');
  path_and_query += target;
  return read_target(path_and_query);
}

// --- The fields ---

void request_parser::on_field_impl(beast_http::field name, string_view name_text, string_view value,
                                   error_code& error) {
  // Trailers come after the decision what the request is, and may not change it.
  if (is_header_done()) return;
  read_field(name, standard(name_text), standard(value));
  if (refused_) error = refused_by_us;
}

void request_parser::read_field(beast_http::field name, std::string_view name_text, std::string_view value) {
  using beast_http::field;
  switch (name) {
    case field::host:
      return read_host(value);
    case field::transfer_encoding:
      return read_transfer_encoding(value);
    case field::content_length:
      // Beast takes a list of equal lengths for one length.
      if (has_content_length_ || value.find(',') != std::string_view::npos) {
        refuse(beast_http::error::multiple_content_length);
      }
      has_content_length_ = true;
      return;
    case field::accept:
      return append_to_list(request_.accept, value);
    case field::content_type:
      return append_to_list(request_.content_type, value);
    case field::authorization:
      return append_to_list(request_.authorization, value);
    case field::if_none_match:
      return append_to_list(request_.if_none_match, value);
    case field::expect:
      expects_continue_ = version_ == 11 && equal_ignoring_case(value, "100-continue");
      return;
    default:
      break;
  }
  if (name != field::unknown) return;
  if (equal_ignoring_case(name_text, "Idempotency-Key")) {
    request_.has_several_idempotency_keys = std::exchange(request_.has_idempotency_key, true);
    append_to_list(request_.idempotency_key, value);
  }
  if (equal_ignoring_case(name_text, "Last-Event-ID")) append_to_list(request_.last_event_id, value);
  if (equal_ignoring_case(name_text, "traceparent")) {
    // Of two nobody knows which one counts.
    const bool first = !std::exchange(has_traceparent_, true);
    request_.trace = first ? tracing::parse_traceparent(value) : tracing::trace_context{};
  }
}

void request_parser::read_host(std::string_view value) {
  if (has_host_) return refuse(fault::ambiguous_framing, "Send one Host.");
  if (!is_host(value)) return refuse(fault::ambiguous_framing, "The Host is malformed.");
  has_host_ = true;
  if (!target_names_host_) request_.host = value;
}

void request_parser::read_transfer_encoding(std::string_view value) {
  const bool understood = version_ == 11 && !has_transfer_encoding_ && equal_ignoring_case(value, "chunked");
  if (!understood) return refuse(beast_http::error::bad_transfer_encoding);
  has_transfer_encoding_ = true;
}

void request_parser::on_header_impl(error_code& error) {
  if (version_ == 11 && !has_host_) refuse(fault::ambiguous_framing, "Send a Host.");
  if (has_content_length_ && has_transfer_encoding_) refuse(beast_http::error::bad_transfer_encoding);
  if (refused_) error = refused_by_us;
}

// --- The body ---

void request_parser::on_body_init_impl(const boost::optional<std::uint64_t>& content_length, error_code&) {
  // Reserved at once: growing would leave copies of a card number in freed memory.
  request_.body.reserve(content_length ? static_cast<std::size_t>(*content_length) : largest_body_bytes);
}

std::size_t request_parser::on_body_impl(string_view body, error_code&) {
  request_.body.append(body.data(), body.size());
  return body.size();
}

/// Beast takes any byte between quotation marks: others may see the end of a line there.
void request_parser::on_chunk_header_impl(std::uint64_t, string_view extension, error_code& error) {
  if (std::any_of(extension.begin(), extension.end(), is_control_byte)) {
    error = beast_http::error::bad_chunk_extension;
  }
}

std::size_t request_parser::on_chunk_body_impl(std::uint64_t, string_view body, error_code&) {
  request_.body.append(body.data(), body.size());
  return body.size();
}

}  // namespace holdfast::http
