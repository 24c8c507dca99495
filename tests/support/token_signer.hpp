// Pairs of keys, and tokens (JWT) that they sign, for tests.
// Owned by one test; one thread.
#pragma once

#include <doctest/doctest.h>

extern "C" {
#include <rhonabwy.h>
}

#include <string>
#include <vector>

namespace holdfast::testing {

inline std::string taken(char* text) {
  REQUIRE(text != nullptr);
  std::string copy(text);
  r_free(text);
  return copy;
}

/// A pair of keys, and tokens that it signs.
class token_signer {
 public:
  token_signer(jwa_alg algorithm, int type, unsigned bits, const std::string& id)
      : algorithm_(algorithm), id_(id) {
    r_global_init();
    r_jwk_init(&secret_);
    r_jwk_init(&open_);
    REQUIRE(r_jwk_generate_key_pair(secret_, open_, type, bits, id.empty() ? nullptr : id.c_str()) == RHN_OK);
    if (id.empty()) {
      r_jwk_delete_property_str(secret_, "kid");
      r_jwk_delete_property_str(open_, "kid");
    }
  }
  ~token_signer() {
    r_jwk_free(secret_);
    r_jwk_free(open_);
  }
  token_signer(const token_signer&) = delete;
  token_signer& operator=(const token_signer&) = delete;

  std::string public_key() const { return taken(r_jwk_export_to_json_str(open_, 0)); }
  std::string private_key() const { return taken(r_jwk_export_to_json_str(secret_, 0)); }
  const std::string& id() const { return id_; }

  std::string sign(const std::string& claims, const char* more_header = nullptr) const {
    jwt_t* token = nullptr;
    r_jwt_init(&token);
    REQUIRE(r_jwt_set_full_claims_json_str(token, claims.c_str()) == RHN_OK);
    if (more_header != nullptr) REQUIRE(r_jwt_set_full_header_json_str(token, more_header) == RHN_OK);
    r_jwt_set_sign_alg(token, algorithm_);
    const auto text = taken(r_jwt_serialize_signed(token, secret_, 0));
    r_jwt_free(token);
    return text;
  }

 private:
  jwa_alg algorithm_;
  std::string id_;
  jwk_t* secret_ = nullptr;
  jwk_t* open_ = nullptr;
};

/// A JWK set of these keys.
inline std::string key_set_of(const std::vector<std::string>& keys) {
  std::string text = R"({"keys":[)";
  for (const auto& key : keys) text += (text.ends_with('[') ? "" : ",") + key;
  return text + "]}";
}

}  // namespace holdfast::testing
