#include "http/api_keys.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

#include "domain/types.hpp"
#include "http/ascii.hpp"
#include "http/sha256.hpp"
#include "http/small_file.hpp"

namespace holdfast::http {

namespace {

constexpr std::size_t hash_digits = 64;
constexpr std::size_t longest_name = 255;
constexpr ascii::character_set hexadecimal_digits("0123456789abcdef");

std::vector<std::string> words_of(std::string_view line) {
  std::istringstream words{std::string(line.substr(0, line.find('#')))};
  std::vector<std::string> all;
  for (std::string word; words >> word;) all.push_back(std::move(word));
  return all;
}

tl::expected<principal, std::string> principal_of(const std::vector<std::string>& words) {
  const auto role = role_named(words[2]);
  if (!role) return tl::unexpected("'" + words[2] + "' is no role: give customer, auditor or operator");
  if (words[1].size() > longest_name) return tl::unexpected(std::string("the name is too long"));
  principal who{.name = words[1], .role = *role, .user_id = 0};
  if (*role != role::customer) {
    if (words.size() == 3) return who;
    return tl::unexpected(std::string("only a customer has a user id behind the role"));
  }
  if (words.size() < 4) return tl::unexpected(std::string("a customer needs his user id behind the role"));
  const auto limit = static_cast<std::uint64_t>(domain::largest_exact_integer);
  const auto user = ascii::number_up_to(words[3], limit + 1);
  if (!user || *user > limit) return tl::unexpected("'" + words[3] + "' is no user id");
  who.user_id = *user;
  return who;
}

}  // namespace

api_keys::api_keys(std::string path, table known)
    : path_(std::move(path)), known_(std::make_shared<const table>(std::move(known))) {}

tl::expected<std::unique_ptr<api_keys>, std::string> api_keys::open(std::string path) {
  auto known = read(path);
  if (!known) return tl::unexpected(known.error());
  if (known->empty()) return tl::unexpected(path + " has no key: nobody would be let in");
  return std::unique_ptr<api_keys>(new api_keys(std::move(path), std::move(*known)));
}

tl::expected<api_keys::table, std::string> api_keys::read(const std::string& path) {
  const auto text = read_small_file(path, largest_key_file_bytes);
  if (!text) return tl::unexpected(text.error());
  table known;
  std::size_t number = 0;
  for (std::string_view left = *text; !left.empty();) {
    const auto [line, rest] = ascii::split(left, '\n');
    left = rest;
    ++number;
    const auto refuse = [&](const std::string& why) {
      return tl::unexpected(path + " line " + std::to_string(number) + ": " + why);
    };
    const auto words = words_of(line);
    if (words.empty()) continue;
    if (words.size() < 3 || words.size() > 4) return refuse("give HASH NAME ROLE, and USER for a customer");
    std::string hash = words[0];
    std::transform(hash.begin(), hash.end(), hash.begin(), ascii::lower);
    if (hash.size() != hash_digits || !hexadecimal_digits.has_all_of(hash)) {
      return refuse("the first word has to be the SHA-256 of a key, 64 hexadecimal digits");
    }
    auto who = principal_of(words);
    if (!who) return refuse(who.error());
    const bool is_new = known.emplace(std::move(hash), std::make_shared<const principal>(*who)).second;
    if (!is_new) return refuse("this key stands in the file twice");
  }
  return known;
}

tl::expected<principal_ptr, std::string> api_keys::identify(std::string_view token) {
  const auto known = known_.load();
  const auto found = known->find(to_hexadecimal(sha256(token)));
  if (found == known->end())
    return tl::unexpected(std::string("This API key is not known, or not any more."));
  return found->second;
}

std::optional<std::string> api_keys::reload() {
  auto known = read(path_);
  if (!known) return known.error();
  if (known->empty()) spdlog::warn("{} has no key any more: nobody who comes with one is let in", path_);
  known_.store(std::make_shared<const table>(std::move(*known)));
  return std::nullopt;
}

}  // namespace holdfast::http
