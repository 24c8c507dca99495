// Reads one request from the bytes of a connection and refuses whatever two parties could
// frame differently (RFC 9112, sections 3.2 and 6.3): Beast's parser lets some of that through.
// A value of one session; not thread-safe.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"
#include "http/problem.hpp"

namespace holdfast::http {

/// All bytes of one request: a body of one-byte chunks is six times as long on the wire.
inline constexpr std::size_t largest_request_bytes = 128 * 1024;

class request_parser final : private boost::beast::http::basic_parser<true> {
 public:
  enum class progress : std::uint8_t { need_more, complete, refused };
  struct step {
    progress now = progress::need_more;
    /// How many of the bytes are done with: the caller feeds the rest again, with more behind.
    std::size_t consumed = 0;
  };

  request_parser();
  /// Wipes the body, if nobody has taken it: it may have a card number.
  ~request_parser() override;

  /// Goes on until the request is complete, refused or in need of more bytes. What follows a
  /// complete request is left alone.
  step feed(std::string_view bytes);

  /// Whether anything of the request has arrived.
  bool has_begun() const { return got_some(); }

  /// Whether the client waits for a 100 (Continue) before it sends the body. True once.
  bool claim_continue();

  /// The complete request; whoever wants it may take of it. Its host is empty where the client named none.
  request& complete() { return request_; }

  /// Whether the client wants the connection to stay open; for a complete request.
  bool keep_alive() const { return basic_parser::keep_alive(); }
  bool http_1_0() const { return version_ == 10; }
  bool head() const { return request_.method == method::head; }

  /// Why the request was refused; the connection can't go on after that.
  problem refusal() const;

 private:
  using error_code = boost::beast::error_code;
  using string_view = boost::beast::string_view;

  step feed_on(std::string_view bytes);
  bool must_wait_for_chunk(std::string_view rest) const;
  void check_sizes(std::size_t taken, std::size_t left, bool was_in_header);
  void refuse(fault fault, std::string_view detail);
  void refuse(error_code error);

  bool read_target(std::string_view target);
  bool read_absolute_target(std::string_view target);
  void read_transfer_encoding(std::string_view value);
  void read_host(std::string_view value);
  void read_field(boost::beast::http::field name, std::string_view name_text, std::string_view value);

  void on_request_impl(boost::beast::http::verb verb, string_view verb_text, string_view target, int version,
                       error_code& error) override;
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(boost::beast::http::field name, string_view name_text, string_view value,
                     error_code& error) override;
  void on_header_impl(error_code& error) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>& content_length, error_code& error) override;
  std::size_t on_body_impl(string_view body, error_code& error) override;
  void on_chunk_header_impl(std::uint64_t size, string_view extension, error_code& error) override;
  std::size_t on_chunk_body_impl(std::uint64_t remain, string_view body, error_code& error) override;
  void on_finish_impl(error_code&) override {}

  request request_;
  std::optional<fault> refused_;
  std::string refused_detail_;
  std::size_t header_bytes_ = 0;
  std::size_t request_bytes_ = 0;
  int version_ = 0;
  bool has_host_ = false;
  bool target_names_host_ = false;
  bool has_content_length_ = false;
  bool has_transfer_encoding_ = false;
  bool expects_continue_ = false;
  bool has_traceparent_ = false;
};

}  // namespace holdfast::http
