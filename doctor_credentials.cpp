#include "doctor_credentials.hpp"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <optional>
#include <string>

#include "actors/node_certificates.hpp"
#include "http/api_keys.hpp"
#include "http/jwt_tokens.hpp"
#include "http/tls_certificates.hpp"

namespace holdfast {

namespace {

/// Time enough to get another one.
constexpr int enough_days = 14;
constexpr mode_t readable_by_others = S_IRGRP | S_IROTH;
constexpr mode_t writable_by_others = S_IWGRP | S_IWOTH;

/// Nothing where it can't be asked, which whoever reads the file says.
std::optional<mode_t> mode_of(const std::string& path) {
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) return std::nullopt;
  return file.st_mode & 07777;
}

std::string with_mode(const std::string& path, mode_t mode) {
  std::array<char, 8> octal{};
  std::snprintf(octal.data(), octal.size(), "%04o", static_cast<unsigned>(mode));
  return path + ", mode " + octal.data();
}

/// Of a file that says who is let in: whoever may write to it lets in whom he likes.
void look_at_mode(const char* name, const std::string& path, diagnosis& tell) {
  const auto mode = mode_of(path).value_or(0);
  const auto seen = with_mode(path, mode);
  if ((mode & writable_by_others) != 0) {
    return tell.bad(name, seen + ": others than its owner may write to it",
                    "chmod go-w " + path + ": whoever writes to it lets himself in");
  }
  tell.good(name, seen);
}

template <class Opened>
void look_at_file(const char* name, const Opened& opened, const std::string& path, const char* advice,
                  diagnosis& tell) {
  if (!opened) return tell.bad(name, opened.error(), advice);
  look_at_mode(name, path, tell);
}

void look_at_private_key(const char* name, const std::string& path, diagnosis& tell) {
  const auto mode = mode_of(path).value_or(0);
  if ((mode & (readable_by_others | writable_by_others)) == 0) return;
  tell.warn(name, with_mode(path, mode) + ": the key is not its owner's alone",
            "chmod 600 " + path + ", unless that group is only the server's");
}

/// Whole ones, from now on.
int days_until(const ASN1_TIME* when) {
  int days = 0;
  int seconds = 0;
  ::ASN1_TIME_diff(&days, &seconds, nullptr, when);
  return days;
}

void look_at_certificate(const char* name, const std::string& certificate, const std::string& key,
                         diagnosis& tell) {
  const auto opened = http::tls_certificates::open(certificate, key);
  if (!opened)
    return tell.bad(name, opened.error(), "give a PEM file with the chain, and the key that is its");
  look_at_private_key(name, key, tell);
  const X509* shown = ::SSL_CTX_get0_certificate((*opened)->current()->native_handle());
  if (::X509_cmp_current_time(::X509_get0_notBefore(shown)) > 0) {
    return tell.bad(name, certificate + " does not count yet",
                    "look at this machine's clock, or make the certificate anew");
  }
  if (::X509_cmp_current_time(::X509_get0_notAfter(shown)) < 0) {
    return tell.bad(name, certificate + " has expired", "put a new one in its place, and send SIGHUP");
  }
  const auto days = days_until(::X509_get0_notAfter(shown));
  const auto text = certificate + " and its key, days left: " + std::to_string(days);
  if (days < enough_days) return tell.warn(name, text, "put a new one in its place soon, and send SIGHUP");
  tell.good(name, text);
}

/// One that the other nodes would refuse can't be of their cluster.
void look_at_node(const node_configuration& node, diagnosis& tell) {
  constexpr const char* name = "node's certificate";
  look_at_certificate(name, node.certificate, node.key, tell);
  const auto wrong = actors::check_certificates({node.certificate, node.key, node.authority});
  if (wrong) tell.bad(name, *wrong, "have the authority of the cluster sign one for servers and clients");
}

}  // namespace

void look_at_credentials(const configuration& settings, diagnosis& tell) {
  const auto& access = settings.access;
  if (access.by_keys) {
    look_at_file("API keys", http::api_keys::open(access.keys), access.keys,
                 "see that it is there, for the server's user to read, and has a key on each line", tell);
  }
  if (access.by_tokens) {
    const auto tokens = http::jwt_tokens::open(
        {.path = access.key_set, .issuer = access.issuer, .audience = access.audience});
    look_at_file("JWK set", tokens, access.key_set, "get the identity provider's public keys anew", tell);
  }
  if (access.has_certificate()) look_at_certificate("certificate", access.certificate, access.key, tell);
  if (settings.node.has_certificates()) look_at_node(settings.node, tell);
}

}  // namespace holdfast
