#include "http/tls_certificates.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <utility>

namespace holdfast::http {

namespace {

namespace ssl = boost::asio::ssl;
using error_code = boost::system::error_code;

/// TLS 1.2 with forward secrecy and authenticated encryption only; of TLS 1.3 all are such.
constexpr const char* ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

tls_context new_context() {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  auto* native = context->native_handle();
  ::SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  ::SSL_CTX_set_cipher_list(native, ciphers);
  // What it has decrypted it wipes: card numbers are in it.
  ::SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CLEANSE_PLAINTEXT);
  // Tickets remember sessions at the clients.
  ::SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  // An idle connection holds no buffers.
  ::SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  // Nobody is there to type a password.
  context->set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string(); });
  return context;
}

tl::expected<tls_context, std::string> read(const std::string& certificate, const std::string& key) {
  auto context = new_context();
  error_code error;
  context->use_certificate_chain_file(certificate, error);
  if (error) return tl::unexpected("the certificate " + certificate + " can't be used: " + error.message());
  context->use_private_key_file(key, ssl::context::pem, error);
  if (error) return tl::unexpected("the key " + key + " can't be used with it: " + error.message());
  // OpenSSL compares the two by itself only where they are of one kind.
  if (::SSL_CTX_check_private_key(context->native_handle()) != 1) {
    ::ERR_clear_error();
    return tl::unexpected("the key " + key + " can't be used with it: it is another certificate's");
  }
  return context;
}

}  // namespace

tls_certificates::tls_certificates(std::string certificate, std::string key, tls_context first)
    : certificate_(std::move(certificate)), key_(std::move(key)), current_(std::move(first)) {}

tl::expected<std::shared_ptr<tls_certificates>, std::string> tls_certificates::open(std::string certificate,
                                                                                    std::string key) {
  auto first = read(certificate, key);
  if (!first) return tl::unexpected(first.error());
  return std::shared_ptr<tls_certificates>(
      new tls_certificates(std::move(certificate), std::move(key), std::move(*first)));
}

std::optional<std::string> tls_certificates::reload() {
  auto next = read(certificate_, key_);
  if (!next) return next.error();
  current_.store(std::move(*next));
  return std::nullopt;
}

}  // namespace holdfast::http
