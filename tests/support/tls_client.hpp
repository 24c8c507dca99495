// A blocking client of HTTPS for tests, over OpenSSL, and self-signed certificates for the server that it
// speaks to. Owned by one test; one thread each. Every wait has a deadline, what goes wrong is thrown.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tests/support/temporary_folder.hpp"

namespace holdfast::testing {

/// A certificate for 127.0.0.1 and its key, in files that another one may take the place of.
class certificate_files {
 public:
  static constexpr const char* ec = "ec -pkeyopt ec_paramgen_curve:prime256v1";
  static constexpr const char* rsa = "rsa:2048";

  explicit certificate_files(const std::string& name, const std::string& kind = ec) { make(name, kind); }

  void make(const std::string& name, const std::string& kind = ec) {
    const auto command = "openssl req -x509 -newkey " + kind + " -nodes -days 2 -subj /CN=" + name +
                         " -addext subjectAltName=IP:127.0.0.1 -keyout " + key() + " -out " + certificate() +
                         " 2>/dev/null";
    if (std::system(command.c_str()) != 0) throw std::runtime_error("no certificate");
  }
  std::string certificate() const { return folder_ / "certificate.pem"; }
  std::string key() const { return folder_ / "key.pem"; }

 private:
  temporary_folder folder_;
};

class tls_client {
 public:
  /// Connects and shakes hands; throws where that fails, as it does with a certificate of another authority.
  tls_client(std::uint16_t port, const std::string& authority, int most_version = TLS1_3_VERSION)
      : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_.get(), most_version);
    SSL_CTX_load_verify_locations(context_.get(), authority.c_str(), nullptr);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval deadline{30, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), socket_);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 && SSL_connect(ssl_.get()) == 1)
      return;
    ::close(socket_);
    throw std::runtime_error("tls_client: no connection");
  }
  ~tls_client() { ::close(socket_); }
  tls_client(const tls_client&) = delete;
  tls_client& operator=(const tls_client&) = delete;

  /// "TLSv1.3"
  std::string version() const { return SSL_get_version(ssl_.get()); }
  /// Whose certificate the server showed.
  std::string server_name() const {
    const std::unique_ptr<X509, decltype(&X509_free)> shown(SSL_get1_peer_certificate(ssl_.get()), X509_free);
    char name[256] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown.get()), NID_commonName, name, sizeof name);
    return name;
  }

  /// False where the connection takes no more.
  bool send(std::string_view bytes) {
    return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) ==
           static_cast<int>(bytes.size());
  }
  /// Some bytes; none at an end that was announced. Throws at one that was not.
  std::string read_some() {
    std::string bytes(16 * 1024, '\0');
    const int count = SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (count <= 0 && SSL_get_error(ssl_.get(), count) != SSL_ERROR_ZERO_RETURN) {
      throw std::runtime_error("tls_client: the connection broke off, or nothing came in time");
    }
    bytes.resize(static_cast<std::size_t>(count < 0 ? 0 : count));
    return bytes;
  }
  /// Everything up to its end.
  std::string read_all() {
    std::string all;
    for (auto some = read_some(); !some.empty(); some = read_some()) all += some;
    return all;
  }
  /// One response, which has a Content-Length.
  std::string exchange(std::string_view request) {
    if (!send(request)) throw std::runtime_error("tls_client: can't send");
    std::string response;
    for (;;) {
      const auto head = response.find("\r\n\r\n");
      const auto field = response.find("Content-Length: ");
      const auto length = field < head ? std::strtoul(response.c_str() + field + 16, nullptr, 10) : 0;
      if (head != std::string::npos && response.size() >= head + 4 + length) return response;
      const auto more = read_some();
      if (more.empty()) throw std::runtime_error("tls_client: ended within a response: " + response);
      response += more;
    }
  }

 private:
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
  int socket_ = -1;
};

}  // namespace holdfast::testing
