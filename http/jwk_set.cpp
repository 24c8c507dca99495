#include "http/jwk_set.hpp"

extern "C" {
#include <rhonabwy.h>
}

#include <rapidjson/document.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "storage/base64url.hpp"

namespace holdfast::http {

namespace {

template <class T, void (*release)(T*)>
struct releaser {
  void operator()(T* what) const { release(what); }
};
template <class T, void (*release)(T*)>
using handle = std::unique_ptr<T, releaser<T, release>>;
using key_handle = handle<jwk_t, r_jwk_free>;
using set_handle = handle<jwks_t, r_jwks_free>;
using token_handle = handle<jwt_t, r_jwt_free>;
using text_handle = handle<void, r_free>;

constexpr unsigned smallest_rsa_bits = 2048;
/// Nothing is fetched, whatever a key or a token refers to.
constexpr int from_nowhere = R_FLAG_IGNORE_REMOTE;

const char* text_or_empty(const char* text) {
  return text == nullptr ? "" : text;
}

std::string property(jwk_t* key, const char* name) {
  return text_or_empty(r_jwk_get_property_str(key, name));
}

/// The one algorithm that a key signs with; R_JWA_ALG_UNKNOWN where it is for something else.
jwa_alg algorithm_of(jwk_t* key) {
  struct kind {
    std::string_view type, curve, name;
    jwa_alg algorithm;
  };
  constexpr std::array<kind, 3> kinds{{{"RSA", "", "RS256", R_JWA_ALG_RS256},
                                       {"EC", "P-256", "ES256", R_JWA_ALG_ES256},
                                       {"OKP", "Ed25519", "EdDSA", R_JWA_ALG_EDDSA}}};
  const auto type = property(key, "kty"), curve = property(key, "crv"), name = property(key, "alg"),
             use = property(key, "use");
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const kind& each) {
    return each.type == type && each.curve == curve && (name.empty() || name == each.name);
  });
  if (found == kinds.end() || (!use.empty() && use != "sig")) return R_JWA_ALG_UNKNOWN;
  return found->algorithm;
}

/// Looked at before the library reads the token, which inflates what a header says is compressed, of anybody.
std::optional<std::string> wrong_with_header(std::string_view token) {
  constexpr auto flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  const auto parts = 1 + std::count(token.begin(), token.end(), '.');
  const auto text = storage::from_base64url(token.substr(0, token.find('.')));
  rapidjson::Document header;
  if (text) header.Parse<flags>(text->data(), text->size());
  if (parts != 3 || !text || header.HasParseError() || !header.IsObject()) {
    return "This is no signed token (JWT).";
  }
  // RFC 7515, section 4.1.11: what must be understood, and isn't.
  if (header.HasMember("crit") || header.HasMember("zip")) {
    return "The token's header has extensions that are not known here.";
  }
  return std::nullopt;
}

}  // namespace

struct jwk_set::key {
  key_handle handle;
  std::string id;
  jwa_alg algorithm;
};

jwk_set::jwk_set(std::vector<key> keys) : keys_(std::move(keys)) {}
jwk_set::jwk_set(jwk_set&&) noexcept = default;
jwk_set& jwk_set::operator=(jwk_set&&) noexcept = default;
jwk_set::~jwk_set() = default;

tl::expected<jwk_set, std::string> jwk_set::read(const std::string& text) {
  static const bool ready = r_global_init() == RHN_OK;
  const auto refuse = [](std::string why) { return tl::unexpected(std::move(why)); };
  if (!ready) return refuse("librhonabwy can't be used");
  jwks_t* made = nullptr;
  if (r_jwks_init(&made) != RHN_OK) return refuse("there is no memory for it");
  const set_handle set(made);
  if (r_jwks_import_from_json_str(set.get(), text.c_str()) != RHN_OK) {
    return refuse("it is no JWK set, or a key of it is malformed");
  }
  std::vector<key> keys;
  for (std::size_t i = 0; i < r_jwks_size(set.get()); ++i) {
    key_handle one(r_jwks_get_at(set.get(), i));
    unsigned bits = 0;
    const auto type = static_cast<unsigned>(r_jwk_key_type(one.get(), &bits, from_nowhere));
    auto id = property(one.get(), "kid");
    if ((type & R_KEY_TYPE_PRIVATE) != 0 || (type & R_KEY_TYPE_SYMMETRIC) != 0) {
      return refuse("the key '" + id + "' is a secret one: give public keys only");
    }
    const auto algorithm = algorithm_of(one.get());
    if (algorithm == R_JWA_ALG_UNKNOWN) continue;
    if (algorithm == R_JWA_ALG_RS256 && bits < smallest_rsa_bits) {
      return refuse("the key '" + id + "' is shorter than 2048 bits");
    }
    const bool twice = std::any_of(keys.begin(), keys.end(), [&](const key& each) { return each.id == id; });
    if (twice) return refuse("the key id '" + id + "' stands in it twice: give each key a kid of its own");
    keys.push_back({std::move(one), std::move(id), algorithm});
  }
  if (keys.empty()) return refuse("it has no public key for RS256, ES256 or EdDSA (Ed25519)");
  return jwk_set(std::move(keys));
}

/// A token that names no key can only be meant for the only one.
const jwk_set::key* jwk_set::find(const char* id) const {
  if (id == nullptr) return keys_.size() == 1 ? &keys_.front() : nullptr;
  const auto found =
      std::find_if(keys_.begin(), keys_.end(), [id](const key& each) { return each.id == id; });
  return found == keys_.end() ? nullptr : &*found;
}

tl::expected<std::string, std::string> jwk_set::verified_claims(const std::string& token) const {
  const auto refuse = [](const char* why) { return tl::unexpected(std::string(why)); };
  if (auto wrong = wrong_with_header(token)) return tl::unexpected(std::move(*wrong));
  jwt_t* made = nullptr;
  if (r_jwt_init(&made) != RHN_OK) return refuse("There is no memory to read the token.");
  const token_handle read(made);
  if (r_jwt_advanced_parse(read.get(), token.c_str(), R_PARSE_NONE, from_nowhere) != RHN_OK) {
    return refuse("This is no signed token (JWT).");
  }
  const auto* signer = find(r_jwt_get_header_str_value(read.get(), "kid"));
  if (signer == nullptr) return refuse("The token is signed with a key that is not known here.");
  if (r_jwt_get_sign_alg(read.get()) != signer->algorithm) {
    return refuse("The token names another algorithm than its key's.");
  }
  if (r_jwt_verify_signature(read.get(), signer->handle.get(), from_nowhere) != RHN_OK) {
    return refuse("The token's signature is not good.");
  }
  const text_handle claims(r_jwt_get_full_claims_str(read.get()));
  if (!claims) return refuse("The token has no claims.");
  return std::string(static_cast<const char*>(claims.get()));
}

}  // namespace holdfast::http
