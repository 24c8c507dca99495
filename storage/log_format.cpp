#include "storage/log_format.hpp"

#include <isa-l/crc.h>

#include <algorithm>
#include <utility>

namespace holdfast::storage::log_format {
namespace {

/// Of the type and the bytes behind it.
std::uint32_t checksum_of(const std::string& log, std::size_t type_offset) {
  // The library takes no constant bytes, and changes none.
  auto* bytes = reinterpret_cast<unsigned char*>(const_cast<char*>(log.data() + type_offset));
  return ~crc32_iscsi(bytes, static_cast<int>(log.size() - type_offset), ~0u);
}

record_type type_of(bool begins, bool ends) {
  if (begins) return ends ? full : first;
  return ends ? last : middle;
}

void add_record(std::string& to, record_type type, std::string_view bytes) {
  const auto header = to.size();
  to.append(length_at, '\0');
  to.push_back(static_cast<char>(bytes.size()));
  to.push_back(static_cast<char>(bytes.size() >> 8));
  to.push_back(static_cast<char>(type));
  to.append(bytes);
  const auto checksum = masked(checksum_of(to, header + type_at));
  for (std::size_t i = 0; i < length_at; ++i) to[header + i] = static_cast<char>(checksum >> (8 * i));
}

std::size_t left_of_block(std::size_t at) {
  return block_bytes - at % block_bytes;
}

}  // namespace

std::string framed(std::string_view batch, std::size_t log_bytes) {
  std::string grown;
  grown.reserve(batch.size() + header_bytes * (2 + batch.size() / block_bytes));
  bool begins = true;
  do {
    const auto left = left_of_block(log_bytes + grown.size());
    if (left < header_bytes) {
      grown.append(left, '\0');
      continue;
    }
    const auto part = batch.substr(0, left - header_bytes);
    batch.remove_prefix(part.size());
    add_record(grown, type_of(begins, batch.empty()), part);
    begins = false;
  } while (begins || !batch.empty());
  return grown;
}

void for_each_batch(std::string_view whole_log, const std::function<void(std::string batch)>& each) {
  const auto byte = [&](std::size_t at) -> std::size_t { return static_cast<unsigned char>(whole_log[at]); };
  std::string batch;
  for (std::size_t at = 0; at < whole_log.size();) {
    const auto left = left_of_block(at);
    if (left < header_bytes) {
      at += left;
      continue;
    }
    const auto length = byte(at + length_at) + 256 * byte(at + length_at + 1);
    const auto type = byte(at + type_at);
    batch.append(whole_log.substr(at + header_bytes, length));
    at += header_bytes + length;
    if (type == full || type == last) each(std::exchange(batch, {}));
  }
}

}  // namespace holdfast::storage::log_format
