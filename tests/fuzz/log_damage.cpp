// What looks through logs for damage: any bytes may be shown to it. What it takes for whole
// lies within the log and is whole by itself.
#include "storage/log_damage.hpp"

#include "tests/fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const auto bytes = fuzz::text_of(data, size);
  const auto found = storage::look_through_log(bytes);
  fuzz::require(!found.damage || !found.damage->empty(), "damage is named");
  if (found.damage) return 0;
  fuzz::require(found.whole_bytes <= size, "what is whole lies within the log");
  const auto again = storage::look_through_log(bytes.substr(0, found.whole_bytes));
  fuzz::require(!again.damage, "what is whole is whole by itself");
  return 0;
}
