#include "actors/node_certificates.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>

namespace holdfast::actors {

namespace {

using tls_context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using verification = std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)>;

/// With the library's first reason; its list of them is empty afterwards.
std::string because(const std::string& what) {
  const auto code = ERR_get_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason == nullptr ? what : what + ": " + reason;
}

std::optional<std::string> refused_as(SSL_CTX* context, int purpose, const std::string& whom) {
  const verification check(X509_STORE_CTX_new(), X509_STORE_CTX_free);
  STACK_OF(X509)* between = nullptr;
  SSL_CTX_get_extra_chain_certs(context, &between);
  if (X509_STORE_CTX_init(check.get(), SSL_CTX_get_cert_store(context), SSL_CTX_get0_certificate(context),
                          between) != 1) {
    return because("can't check the certificate");
  }
  X509_STORE_CTX_set_purpose(check.get(), purpose);
  if (X509_verify_cert(check.get()) == 1) return std::nullopt;
  return "the authority does not vouch for the certificate as that of a " + whom + ": " +
         X509_verify_cert_error_string(X509_STORE_CTX_get_error(check.get()));
}

}  // namespace

std::optional<std::string> check_certificates(const node_certificates& files) {
  const tls_context context(SSL_CTX_new(TLS_method()), SSL_CTX_free);
  if (!context) return because("no TLS");
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1) {
    return because("can't read a certificate from " + files.certificate);
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    return because("can't read the key of " + files.certificate + " from " + files.key);
  }
  if (SSL_CTX_load_verify_locations(context.get(), files.authority.c_str(), nullptr) != 1) {
    return because("can't read the authority's certificate from " + files.authority);
  }
  if (auto refused = refused_as(context.get(), X509_PURPOSE_SSL_SERVER, "server")) return refused;
  return refused_as(context.get(), X509_PURPOSE_SSL_CLIENT, "client");
}

}  // namespace holdfast::actors
