// An HTTP client for tests that speak to the real binary: one keep-alive connection, requests in
// the forms that customers send, answers read as JSON.
// Owned by one test; one thread each. Every wait has a deadline, what goes wrong is thrown.
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/pointer.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/raw_client.hpp"

namespace holdfast::testing {

using header_list = std::vector<std::pair<std::string, std::string>>;

/// Long enough for a loaded machine; nothing waits for it to pass unless it fails.
inline constexpr std::chrono::seconds answer_deadline{30};

/// Asks again until it holds; false if it does not in time.
template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds within = answer_deadline) {
  constexpr std::chrono::milliseconds between_two_tries{5};
  const auto until = std::chrono::steady_clock::now() + within;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(between_two_tries);
  }
  return true;
}

/// Throws where it is no JSON.
inline rapidjson::Document parse_json(const std::string& text) {
  rapidjson::Document document;
  document.Parse(text.c_str(), text.size());
  if (document.HasParseError()) throw std::runtime_error("no JSON: " + text);
  return document;
}

/// The JSON text of what the pointer names, "absent" where it names nothing: strings keep their
/// quotation marks, so that 1 and "1" differ.
inline std::string json_at(const rapidjson::Value& in, const std::string& pointer) {
  const rapidjson::Value* found = rapidjson::Pointer(pointer.c_str(), pointer.size()).Get(in);
  if (found == nullptr) return "absent";
  rapidjson::StringBuffer text;
  rapidjson::Writer<rapidjson::StringBuffer> writer(text);
  found->Accept(writer);
  return {text.GetString(), text.GetSize()};
}

/// The same for strings, without the quotation marks. Throws where it is no string.
inline std::string text_at(const rapidjson::Value& in, const std::string& pointer) {
  const rapidjson::Value* found = rapidjson::Pointer(pointer.c_str(), pointer.size()).Get(in);
  if (found == nullptr || !found->IsString()) {
    throw std::runtime_error("no string at " + pointer + " in " + json_at(in, ""));
  }
  return {found->GetString(), found->GetStringLength()};
}

inline std::string json_at(const raw_response& response, const std::string& pointer) {
  return json_at(parse_json(response.body), pointer);
}
inline std::string text_at(const raw_response& response, const std::string& pointer) {
  return text_at(parse_json(response.body), pointer);
}

/// The bytes of a request.
inline std::string request_text(std::string_view method, std::string_view target,
                                const header_list& headers = {}, std::string_view body = {}) {
  std::string text(method);
  text.append(" ").append(target).append(" HTTP/1.1\r\nHost: shop.test\r\n");
  for (const auto& [name, value] : headers) text.append(name).append(": ").append(value).append("\r\n");
  if (!body.empty()) text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  return text.append("\r\n").append(body);
}

class http_client {
 public:
  /// `deadline` is how long any one answer may take.
  explicit http_client(std::uint16_t port, const std::string& address = "127.0.0.1",
                       std::chrono::milliseconds deadline = answer_deadline)
      : connection_(port, address, deadline) {}

  /// Sends this key, or token, with every request from now on.
  void identify_by(const std::string& token) { credentials_ = {{"Authorization", "Bearer " + token}}; }

  raw_response request(std::string_view method, std::string_view target, header_list headers = {},
                       std::string_view body = {}) {
    headers.insert(headers.end(), credentials_.begin(), credentials_.end());
    return connection_.exchange(request_text(method, target, headers, body), method == "HEAD");
  }
  raw_response get(std::string_view target, const header_list& headers = {}) {
    return request("GET", target, headers);
  }
  raw_response del(std::string_view target) { return request("DELETE", target); }

  raw_response place(std::string_view body, header_list headers = {}) {
    headers.emplace_back("Content-Type", "application/json");
    return request("POST", "/preReservations", headers, body);
  }
  raw_response place_with_key(std::string_view body, const std::string& key) {
    return place(body, {{"Idempotency-Key", key}});
  }

  /// A document that has to be there.
  rapidjson::Document document(std::string_view target) {
    const auto response = get(target);
    if (response.status != 200) {
      throw std::runtime_error(std::string(target) + ": " + response.status_line + " " + response.body);
    }
    return parse_json(response.body);
  }

  /// The raw connection, for what no well-behaved client sends.
  raw_client& connection() { return connection_; }

 private:
  raw_client connection_;
  header_list credentials_;
};

/// The engine takes placements before the view is open: false if the view never answers.
inline bool wait_for_view(http_client& client) {
  return eventually([&] { return client.get("/actuator/health").status == 200; });
}

/// The id at the end of a Location, 0 where there is none.
inline std::uint64_t id_of(const raw_response& response) {
  const std::string location = response.header("location");
  return std::strtoull(location.c_str() + location.find_last_of('/') + 1, nullptr, 10);
}

/// The rows of a collection from its first to its last page, by the cursor in `_links.next`.
template <class Each>
void for_each_row(http_client& client, const std::string& collection, Each each) {
  std::string target = "/" + collection + "?size=1000";
  while (!target.empty()) {
    const auto page = client.document(target);
    for (const auto& row : page["_embedded"][collection.c_str()].GetArray()) each(row);
    const std::string next =
        json_at(page, "/_links/next") == "absent" ? "" : text_at(page, "/_links/next/href");
    target = next.substr(std::min(next.find('/', std::string("http://").size()), next.size()));
  }
}

}  // namespace holdfast::testing
