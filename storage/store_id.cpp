#include "storage/store_id.hpp"

#include <random>

namespace holdfast::storage {

std::string random_store_id() {
  constexpr int hex_digits = 32;
  std::random_device source;
  std::string id;
  for (int i = 0; i < hex_digits; ++i) {
    id += "0123456789abcdef"[source() & 15u];
  }
  return id;
}

}  // namespace holdfast::storage
