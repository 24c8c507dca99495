#include "payments/http_request_bytes.hpp"

#include <algorithm>
#include <cassert>
#include <initializer_list>
#include <utility>

namespace holdfast::payments {

std::string authority_of(std::string_view host, std::uint16_t port) {
  const bool is_v6 = host.find(':') != std::string_view::npos;
  std::string authority = is_v6 ? "[" + std::string(host) + "]" : std::string(host);
  return authority + ":" + std::to_string(port);
}

bool is_header_word(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

domain::secret bytes_of(const http_request& request, std::string_view authority, const domain::secret& key) {
  assert(is_header_word(request.target) && is_header_word(request.idempotency_key));
  const std::string& body = request.body.reveal();
  const bool is_post = request.method == "POST";
  const std::string length = std::to_string(body.size());

  // Reserved at once: growing would leave copies of a card number in freed memory.
  std::string bytes;
  const std::string traceparent = tracing::to_traceparent(request.trace);
  constexpr std::size_t names_bytes = 384;
  bytes.reserve(names_bytes + request.method.size() + request.target.size() + authority.size() +
                key.reveal().size() + request.idempotency_key.size() + length.size() + body.size());
  const std::size_t reserved = bytes.capacity();
  const auto append = [&bytes](std::initializer_list<std::string_view> parts) {
    for (const auto part : parts) bytes.append(part);
  };

  append({request.method, " ", request.target, " HTTP/1.1\r\nHost: ", authority, "\r\n"});
  if (!key.empty()) append({"Authorization: Bearer ", key.reveal(), "\r\n"});
  if (!request.idempotency_key.empty()) append({"Idempotency-Key: ", request.idempotency_key, "\r\n"});
  if (!traceparent.empty()) append({"traceparent: ", traceparent, "\r\n"});
  if (is_post) {
    append({"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ", length, "\r\n"});
  }
  append({"\r\n", body});
  assert(bytes.capacity() == reserved);
  return domain::secret(std::move(bytes));
}

}  // namespace holdfast::payments
