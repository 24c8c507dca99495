#include "http/server_trust.hpp"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>

namespace holdfast::http {

namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

}  // namespace

tl::expected<trust_ptr, std::string> trust_in(const std::string& authority) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  ::SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  context->set_verify_mode(ssl::verify_peer);
  error_code error;
  if (authority.empty()) {
    context->set_default_verify_paths(error);
    if (error) return tl::unexpected("the system's authorities can't be used: " + error.message());
    return context;
  }
  context->load_verify_file(authority, error);
  if (error) return tl::unexpected("the authority " + authority + " can't be used: " + error.message());
  return context;
}

void expect_host(SSL* connection, const std::string& host) {
  error_code no_address;
  boost::asio::ip::make_address(host, no_address);
  if (!no_address) {
    ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(connection), host.c_str());
    return;
  }
  ::SSL_set1_host(connection, host.c_str());
  // RFC 6066, section 3: names only.
  ::SSL_set_tlsext_host_name(connection, host.c_str());
}

std::string distrust(SSL* connection) {
  const auto why = ::SSL_get_verify_result(connection);
  if (why == X509_V_OK) return {};
  return std::string("its certificate is not trusted: ") + ::X509_verify_cert_error_string(why);
}

std::string advice_on_distrust(SSL* connection) {
  const auto why = ::SSL_get_verify_result(connection);
  const bool other = why == X509_V_ERR_HOSTNAME_MISMATCH || why == X509_V_ERR_IP_ADDRESS_MISMATCH;
  return other ? "give --server with a name that the certificate has"
               : "give --server-authority FILE with the certificate of its authority, if you know it";
}

}  // namespace holdfast::http
