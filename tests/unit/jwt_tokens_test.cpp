// Tokens: who signed them, by what, for whom and until when; and what an attacker makes of a public key.
#include "http/jwt_tokens.hpp"

#include <doctest/doctest.h>
#include <openssl/hmac.h>

extern "C" {
#include <rhonabwy.h>
}

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "storage/base64url.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/token_signer.hpp"

namespace holdfast::testing {
namespace {

using namespace std::chrono_literals;
using system_time = std::chrono::system_clock::time_point;

constexpr std::size_t small_generation = 4;
constexpr std::int64_t token_now = 1'800'000'000;

const token_signer& rsa() {
  static const token_signer one(R_JWA_ALG_RS256, R_KEY_TYPE_RSA, 2048, "rsa");
  return one;
}
const token_signer& ec() {
  static const token_signer one(R_JWA_ALG_ES256, R_KEY_TYPE_EC, 256, "ec");
  return one;
}
const token_signer& ed() {
  static const token_signer one(R_JWA_ALG_EDDSA, R_KEY_TYPE_EDDSA, 256, "ed");
  return one;
}

std::string claims(const std::string& rest = R"("role":"customer","userId":41)",
                   std::int64_t expires = token_now + 60) {
  return R"({"iss":"https://id.test","aud":"holdfast","sub":"ann","exp":)" + std::to_string(expires) +
         (rest.empty() ? "" : "," + rest) + "}";
}

/// What is checked against a file of keys, at a time that the test sets.
class checker {
 public:
  explicit checker(const std::vector<std::string>& keys) { write(key_set_of(keys)); }

  void write(const std::string& text) { std::ofstream(path(), std::ios::trunc) << text; }
  std::string path() const { return folder_ / "jwks.json"; }

  http::jwt_tokens& tokens() {
    if (!tokens_) {
      auto opened =
          http::jwt_tokens::open({.path = path(),
                                  .issuer = "https://id.test",
                                  .audience = "holdfast",
                                  .clock = [this] { return system_time(std::chrono::seconds(now)); },
                                  .largest_generation = small_generation});
      REQUIRE_MESSAGE(opened, opened.error());
      tokens_ = std::move(*opened);
    }
    return *tokens_;
  }

  /// "ann customer 41", or the refusal.
  std::string says(const std::string& token) {
    const auto who = tokens().identify(token);
    if (!who) return who.error();
    return (*who)->name + " " + std::string(http::name_of((*who)->role)) + " " +
           std::to_string((*who)->user_id);
  }
  /// Why the keys can't be used.
  std::string refusal() {
    const auto opened = http::jwt_tokens::open({.path = path(), .issuer = "i", .audience = "a"});
    return opened ? "" : opened.error();
  }

  std::int64_t now = token_now;

 private:
  temporary_folder folder_;
  std::unique_ptr<http::jwt_tokens> tokens_;
};

std::string with_header(const std::string& token, const std::string& header) {
  return storage::to_base64url(header) + token.substr(token.find('.'));
}

TEST_CASE("tokens of each algorithm are known by their key") {
  checker in({rsa().public_key(), ec().public_key(), ed().public_key()});
  for (const auto* key : {&rsa(), &ec(), &ed()}) {
    CAPTURE(key->id());
    CHECK(in.says(key->sign(claims())) == "ann customer 41");
    CHECK(in.says(key->sign(claims(R"("role":"customer","userId":"42")"))) == "ann customer 42");
    CHECK(in.says(key->sign(claims(R"("role":"operator")"))) == "ann operator 0");
    CHECK(in.says(key->sign(claims(R"("role":"auditor")"))) == "ann auditor 0");
  }
}

TEST_CASE("what was signed by nobody who is known is refused") {
  checker in({rsa().public_key(), ec().public_key(), ed().public_key()});
  const token_signer stranger(R_JWA_ALG_RS256, R_KEY_TYPE_RSA, 2048, "rsa");
  CHECK(in.says(stranger.sign(claims())) == "The token's signature is not good.");
  const token_signer unknown(R_JWA_ALG_ES256, R_KEY_TYPE_EC, 256, "other");
  CHECK(in.says(unknown.sign(claims())) == "The token is signed with a key that is not known here.");

  const auto good = ec().sign(claims());
  const auto first = good.find('.'), second = good.rfind('.');
  const auto operators = storage::to_base64url(claims(R"("role":"operator")"));
  CHECK(in.says(good.substr(0, first + 1) + operators + good.substr(second)) ==
        "The token's signature is not good.");
  for (const std::string& broken :
       {good.substr(0, second), good.substr(0, second + 1), good + ".", good + "A.B", std::string("a.b.c"),
        std::string(".."), std::string(), std::string("x")}) {
    CAPTURE(broken);
    CHECK_FALSE(in.tokens().identify(broken));
  }
}

TEST_CASE("a token does not choose how it is checked") {
  checker in({rsa().public_key()});
  const auto body = storage::to_base64url(claims(R"("role":"operator")"));
  for (const std::string header :
       {R"({"alg":"none"})", R"({"alg":"none","kid":"rsa"})", R"({"alg":"None","kid":"rsa"})",
        R"({"typ":"JWT","kid":"rsa"})", R"({"alg":"","kid":"rsa"})"}) {
    for (const std::string signature : {"", "AAAA"}) {
      CAPTURE(header);
      CHECK_FALSE(in.tokens().identify(storage::to_base64url(header) + "." + body + "." + signature));
    }
  }
  // The public key, in the forms that an attacker has it in, as the secret of an HMAC.
  const auto jwk = rsa().public_key();
  std::string pem(4096, '\0');
  std::size_t size = pem.size();
  jwk_t* key = nullptr;
  r_jwk_init(&key);
  r_jwk_import_from_json_str(key, jwk.c_str());
  REQUIRE(r_jwk_export_to_pem_der(key, R_FORMAT_PEM, reinterpret_cast<unsigned char*>(pem.data()), &size,
                                  0) == RHN_OK);
  pem.resize(size);
  r_jwk_free(key);
  for (const auto& secret : {jwk, pem, std::string()}) {
    const auto signed_part = storage::to_base64url(R"({"alg":"HS256","kid":"rsa"})") + "." + body;
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    ::HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
           reinterpret_cast<const unsigned char*>(signed_part.data()), signed_part.size(), mac, &length);
    const auto token = signed_part + "." + storage::to_base64url({reinterpret_cast<char*>(mac), length});
    CHECK(in.says(token) == "The token names another algorithm than its key's.");
  }
  // Of the same key, but by another hash.
  const auto good = rsa().sign(claims());
  CHECK(in.says(good) == "ann customer 41");
  CHECK(in.says(with_header(good, R"({"alg":"RS512","kid":"rsa"})")) ==
        "The token names another algorithm than its key's.");
  CHECK(in.says(with_header(good, R"({"alg":"PS256","kid":"rsa"})")) ==
        "The token names another algorithm than its key's.");
}

TEST_CASE("a token that says it is compressed is refused before anybody inflates it") {
  checker in({rsa().public_key()});
  const auto good = rsa().sign(claims());
  // What follows the header is no deflated text: who tries to inflate it says something else.
  CHECK(in.says(with_header(good, R"({"alg":"RS256","kid":"rsa","zip":"DEF"})")) ==
        "The token's header has extensions that are not known here.");
  for (const std::string not_three : {"", "a.b", "a.b.c.d", "..", "a.b.c.d.e"}) {
    CHECK(in.says(not_three) == "This is no signed token (JWT).");
  }
}

TEST_CASE("a key that the token brings along counts for nothing") {
  checker in({ec().public_key()});
  const token_signer attacker(R_JWA_ALG_ES256, R_KEY_TYPE_EC, 256, "mine");
  const auto header = R"({"jwk":)" + attacker.public_key() + R"(,"jku":"http://127.0.0.1:1/keys"})";
  CHECK_FALSE(in.tokens().identify(attacker.sign(claims(), header.c_str())));
  CHECK(in.says(ec().sign(claims(), R"({"crit":["b64"],"b64":true})")) ==
        "The token's header has extensions that are not known here.");
}

TEST_CASE("claims have to be those that are wanted") {
  checker in({ec().public_key()});
  const std::string person = R"("sub":"ann","role":"operator","exp":1800000060)";
  const std::pair<std::string, const char*> table[] = {
      {R"({"iss":"https://id.test","aud":"holdfast",)" + person + "}", "ann operator 0"},
      {R"({"iss":"https://id.test","aud":["other","holdfast"],)" + person + "}", "ann operator 0"},
      {R"({"iss":"https://id.test/","aud":"holdfast",)" + person + "}", "The token is of another issuer."},
      {R"({"iss":["https://id.test"],"aud":"holdfast",)" + person + "}", "The token is of another issuer."},
      {R"({"aud":"holdfast",)" + person + "}", "The token is of another issuer."},
      {R"({"iss":"https://id.test","aud":["other"],)" + person + "}", "The token is for another audience."},
      {R"({"iss":"https://id.test","aud":[],)" + person + "}", "The token is for another audience."},
      {R"({"iss":"https://id.test",)" + person + "}", "The token is for another audience."},
      {R"({"iss":"https://id.test","aud":"holdfast","sub":"ann","role":"operator"})",
       "The token has to say when it expires (exp)."},
      {R"({"iss":"https://id.test","aud":"holdfast","sub":"ann","role":"operator","exp":"1800000060"})",
       "The token has to say when it expires (exp)."},
      {R"({"iss":"https://id.test","aud":"holdfast","sub":"ann","role":"operator","exp":1e300})",
       "The token has to say when it expires (exp)."},
      {claims(R"("role":"operator","nbf":"x")"), "The token is not good yet (nbf)."},
      {claims(""), "The token's role has to be customer, auditor or operator."},
      {claims(R"("role":"root")"), "The token's role has to be customer, auditor or operator."},
      {claims(R"("role":["operator"])"), "The token's role has to be customer, auditor or operator."},
      {claims(R"("role":"customer")"), "The token of a customer has to have his userId."},
      {claims(R"("role":"customer","userId":-1)"), "The token of a customer has to have his userId."},
      {claims(R"("role":"customer","userId":1.5)"), "The token of a customer has to have his userId."},
      {claims(R"("role":"customer","userId":"41 ")"), "The token of a customer has to have his userId."},
      {claims(R"("role":"customer","userId":9007199254740993)"),
       "The token of a customer has to have his userId."},
      {R"({"iss":"https://id.test","aud":"holdfast","role":"operator","exp":1800000060})",
       "The token's sub has to be 1 to 255 bytes of text."},
  };
  for (const auto& [text, expected] : table) {
    CAPTURE(text);
    CHECK(in.says(ec().sign(text)) == expected);
  }
}

TEST_CASE("a token is good from its beginning to its end, give or take the leeway, remembered or not") {
  checker in({ec().public_key()});
  const auto token = ec().sign(claims(R"("role":"operator","nbf":1800000000)", token_now + 100));
  const auto at = [&](std::int64_t seconds) {
    in.now = token_now + seconds;
    return in.says(token);
  };
  CHECK(at(-31) == "The token is not good yet (nbf).");
  CHECK(at(-30) == "ann operator 0");
  CHECK(at(129) == "ann operator 0");
  CHECK(in.tokens().remembered() == 1);
  CHECK(at(130) == "The token has expired.");
  REQUIRE_FALSE(in.tokens().reload());
  CHECK(in.tokens().remembered() == 0);
  CHECK(at(130) == "The token has expired.");
  CHECK(at(129) == "ann operator 0");
}

TEST_CASE("keys are read again: new ones count, old ones do not, and a broken file changes nothing") {
  checker in({ec().public_key()});
  const auto old = ec().sign(claims());
  CHECK(in.says(old) == "ann customer 41");
  in.write("{");
  REQUIRE(in.tokens().reload());
  CHECK(in.says(old) == "ann customer 41");
  in.write(key_set_of({ed().public_key()}));
  REQUIRE_FALSE(in.tokens().reload());
  CHECK(in.says(ed().sign(claims())) == "ann customer 41");
  CHECK(in.says(old) == "The token is signed with a key that is not known here.");
}

TEST_CASE("a token without a key's id is for the only key there is") {
  const token_signer nameless(R_JWA_ALG_ES256, R_KEY_TYPE_EC, 256, "");
  CHECK(checker({nameless.public_key()}).says(nameless.sign(claims())) == "ann customer 41");
  CHECK(checker({nameless.public_key(), ed().public_key()}).says(nameless.sign(claims())) ==
        "The token is signed with a key that is not known here.");
}

TEST_CASE("what can't be a set of public keys is refused by a sentence") {
  const std::string secret = R"({"kty":"oct","kid":"s","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})";
  const token_signer weak(R_JWA_ALG_RS256, R_KEY_TYPE_RSA, 1024, "weak");
  std::string encrypts = ec().public_key();
  encrypts.insert(encrypts.size() - 1, R"(,"use":"enc")");
  const std::pair<std::vector<std::string>, const char*> table[] = {
      {{}, "it is no JWK set"},
      {{encrypts}, "no public key for RS256"},
      {{secret}, "the key 's' is a secret one"},
      {{ec().private_key()}, "the key 'ec' is a secret one"},
      {{weak.public_key()}, "the key 'weak' is shorter than 2048 bits"},
      {{ec().public_key(), ec().public_key()}, "the key id 'ec' stands in it twice"},
      {{"1"}, "jwks.json: "},
  };
  for (const auto& [keys, expected] : table) {
    CAPTURE(expected);
    const auto said = checker(keys).refusal();
    CAPTURE(said);
    CHECK(said.find(expected) != std::string::npos);
  }
  CHECK(
      checker({ec().public_key(), encrypts.replace(encrypts.find("\"ec\""), 4, "\"e2\"")}).refusal().empty());
}

TEST_CASE("of good tokens the last are remembered, and no more than the bound") {
  checker in({ed().public_key()});
  const auto token = [](int number) {
    return ed().sign(claims(R"("role":"operator","jti":)" + std::to_string(number)));
  };
  const auto kept = token(0);
  for (int i = 1; i <= 20; ++i) {
    REQUIRE(in.says(kept) == "ann operator 0");
    REQUIRE(in.says(token(i)) == "ann operator 0");
    CHECK(in.tokens().remembered() <= 2 * small_generation);
  }
  CHECK(in.tokens().remembered() > small_generation);
  const auto before = in.tokens().remembered();
  in.says("a.b.c");
  CHECK(in.tokens().remembered() == before);
}

}  // namespace
}  // namespace holdfast::testing
