#include "http/jwt_tokens.hpp"

#include <rapidjson/document.h>

#include <utility>

#include "domain/types.hpp"
#include "http/ascii.hpp"
#include "http/jwk_set.hpp"
#include "http/sha256.hpp"
#include "http/small_file.hpp"

namespace holdfast::http {

namespace {

using time_point = std::chrono::system_clock::time_point;

constexpr std::size_t longest_subject = 255;
/// The year 9999 in seconds: what is beyond can't be reckoned with.
constexpr double latest_time = 253'402'300'799.0;

const rapidjson::Value* claim(const rapidjson::Document& claims, const char* name) {
  const auto found = claims.FindMember(name);
  return found == claims.MemberEnd() ? nullptr : &found->value;
}

std::string_view text_of(const rapidjson::Value* value) {
  return value == nullptr || !value->IsString()
             ? std::string_view()
             : std::string_view(value->GetString(), value->GetStringLength());
}

/// RFC 7519, section 4.1.3: one, or a list of them.
bool is_for(const rapidjson::Value* audience, std::string_view wanted) {
  if (audience == nullptr || !audience->IsArray()) return text_of(audience) == wanted;
  for (const auto& each : audience->GetArray()) {
    if (text_of(&each) == wanted) return true;
  }
  return false;
}

std::optional<time_point> time_of(const rapidjson::Value* seconds) {
  if (seconds == nullptr || !seconds->IsNumber()) return std::nullopt;
  const double since_epoch = seconds->GetDouble();
  if (!(since_epoch >= 0 && since_epoch <= latest_time)) return std::nullopt;
  return time_point(std::chrono::seconds(static_cast<std::int64_t>(since_epoch)));
}

std::optional<std::uint64_t> user_of(const rapidjson::Value* user) {
  const auto largest = static_cast<std::uint64_t>(domain::largest_exact_integer);
  std::optional<std::uint64_t> number;
  if (user != nullptr && user->IsUint64()) number = user->GetUint64();
  if (user != nullptr && user->IsString()) number = ascii::number_up_to(text_of(user), largest + 1);
  return number && *number <= largest ? number : std::nullopt;
}

tl::unexpected<std::string> refuse(const char* why) {
  return tl::unexpected(std::string(why));
}

tl::expected<principal_ptr, std::string> principal_of(const rapidjson::Document& claims) {
  principal who;
  who.name = text_of(claim(claims, "sub"));
  if (who.name.empty() || who.name.size() > longest_subject) {
    return refuse("The token's sub has to be 1 to 255 bytes of text.");
  }
  const auto role = role_named(text_of(claim(claims, "role")));
  if (!role) return refuse("The token's role has to be customer, auditor or operator.");
  who.role = *role;
  if (*role == role::customer) {
    const auto user = user_of(claim(claims, "userId"));
    if (!user) return refuse("The token of a customer has to have his userId.");
    who.user_id = *user;
  }
  return std::make_shared<const principal>(std::move(who));
}

tl::expected<std::unique_ptr<jwk_set>, std::string> read_keys(const std::string& path) {
  const auto text = read_small_file(path, largest_key_set_bytes);
  if (!text) return tl::unexpected(text.error());
  auto keys = jwk_set::read(*text);
  if (!keys) return tl::unexpected(path + ": " + keys.error());
  return std::make_unique<jwk_set>(std::move(*keys));
}

}  // namespace

jwt_tokens::jwt_tokens(jwt_options options, std::unique_ptr<jwk_set> keys)
    : options_(std::move(options)), keys_(std::move(keys)) {}

jwt_tokens::~jwt_tokens() = default;

tl::expected<std::unique_ptr<jwt_tokens>, std::string> jwt_tokens::open(jwt_options options) {
  auto keys = read_keys(options.path);
  if (!keys) return tl::unexpected(keys.error());
  return std::unique_ptr<jwt_tokens>(new jwt_tokens(std::move(options), std::move(*keys)));
}

std::optional<std::string> jwt_tokens::reload() {
  auto keys = read_keys(options_.path);
  if (!keys) return keys.error();
  const std::lock_guard lock(mutex_);
  keys_ = std::move(*keys);
  // What a key that is gone has signed is good no more.
  young_.clear();
  old_.clear();
  return std::nullopt;
}

tl::expected<principal_ptr, std::string> jwt_tokens::identify(std::string_view token) {
  const auto digest = sha256(token);
  std::string hash(digest.begin(), digest.end());
  const std::lock_guard lock(mutex_);
  if (const auto* known = find(hash)) {
    if (options_.clock() < known->until) return known->who;
    return refuse("The token has expired.");
  }
  auto verified = verify(token);
  if (!verified) return tl::unexpected(std::move(verified.error()));
  auto who = verified->who;
  remember(std::move(hash), std::move(*verified));
  return who;
}

tl::expected<jwt_tokens::known_token, std::string> jwt_tokens::verify(std::string_view token) {
  const auto text = keys_->verified_claims(std::string(token));
  if (!text) return tl::unexpected(text.error());
  rapidjson::Document claims;
  claims.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(text->data(),
                                                                                       text->size());
  if (claims.HasParseError() || !claims.IsObject()) return refuse("The token's claims are no JSON object.");

  if (text_of(claim(claims, "iss")) != options_.issuer) return refuse("The token is of another issuer.");
  if (!is_for(claim(claims, "aud"), options_.audience)) return refuse("The token is for another audience.");
  const auto now = options_.clock();
  const auto expires = time_of(claim(claims, "exp"));
  if (!expires) return refuse("The token has to say when it expires (exp).");
  const auto until = *expires + token_leeway;
  if (now >= until) return refuse("The token has expired.");
  if (const auto* start = claim(claims, "nbf")) {
    const auto from = time_of(start);
    if (!from || now + token_leeway < *from) return refuse("The token is not good yet (nbf).");
  }
  auto who = principal_of(claims);
  if (!who) return tl::unexpected(std::move(who.error()));
  return known_token{std::move(*who), until};
}

/// One of the old generation counts among the young again.
const jwt_tokens::known_token* jwt_tokens::find(const std::string& hash) {
  if (const auto found = young_.find(hash); found != young_.end()) return &found->second;
  const auto found = old_.find(hash);
  if (found == old_.end()) return nullptr;
  remember(hash, found->second);
  return &young_.find(hash)->second;
}

/// The last ones, and not much work: when the young are too many they become the old, and those are
/// forgotten.
void jwt_tokens::remember(std::string hash, known_token token) {
  if (young_.size() >= options_.largest_generation) old_ = std::exchange(young_, {});
  young_.insert_or_assign(std::move(hash), std::move(token));
}

std::size_t jwt_tokens::remembered() const {
  const std::lock_guard lock(mutex_);
  return young_.size() + old_.size();
}

}  // namespace holdfast::http
