// How a client over TLS makes sure that a server is the one that it means: its certificate is from an
// authority that is trusted, and names the server. TLS 1.2 and 1.3. Threading: any.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>
#include <tl/expected.hpp>

namespace holdfast::http {

using trust_ptr = std::shared_ptr<boost::asio::ssl::context>;

/// Of the authorities in this PEM file; where it is empty, of the system's. Or why the file can't be used.
tl::expected<trust_ptr, std::string> trust_in(const std::string& authority);

/// Before the handshake. The host is a name or an IP address, v6 without brackets.
void expect_host(SSL* connection, const std::string& host);

/// Why the certificate was refused; empty where it was not.
std::string distrust(SSL* connection);
/// What to do about it, for who gave --server.
std::string advice_on_distrust(SSL* connection);

}  // namespace holdfast::http
