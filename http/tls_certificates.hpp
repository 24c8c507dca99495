// The certificate that HTTPS is served with, and its key: PEM files, which can be read again while
// connections go on with what they began with. TLS 1.2 and 1.3, with forward secrecy. Threading: any;
// reload() on one thread at a time.
#pragma once

#include <atomic>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>

namespace holdfast::http {

using tls_context = std::shared_ptr<boost::asio::ssl::context>;

class tls_certificates {
 public:
  /// Or which file can't be used, and why.
  static tl::expected<std::shared_ptr<tls_certificates>, std::string> open(std::string certificate,
                                                                           std::string key);

  /// For a new connection.
  tls_context current() const { return current_.load(); }

  /// Where the files can't be used the old ones hold, and what is wrong is told.
  std::optional<std::string> reload();

 private:
  tls_certificates(std::string certificate, std::string key, tls_context first);

  const std::string certificate_;
  const std::string key_;
  std::atomic<tls_context> current_;
};

}  // namespace holdfast::http
