// Idempotency keys by shard: whoever places with one knows where the reservation goes.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "storage/shard.hpp"

namespace holdfast::testing {

/// Idempotency keys that all lead to one shard: "key-17", "key-31" and so on, the same ones each time.
class shard_keys {
 public:
  explicit shard_keys(storage::shard_id shard, std::string prefix = "key-")
      : shard_(shard), prefix_(std::move(prefix)) {}

  std::string next() {
    for (;;) {
      auto key = prefix_ + std::to_string(tried_++);
      if (storage::shard_of_key(key.data(), key.size()) == shard_) return key;
    }
  }

 private:
  storage::shard_id shard_;
  std::string prefix_;
  std::size_t tried_ = 0;
};

}  // namespace holdfast::testing
