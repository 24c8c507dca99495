#include "tests/chaos/faults.hpp"

#include "tests/support/http_client.hpp"

namespace holdfast::chaos {

using std::chrono::milliseconds;

std::vector<fault> all_faults() {
  std::vector<fault> all;
  for (const auto& part :
       {process_faults(), redis_faults(), provider_faults(), disk_faults(), client_faults()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

milliseconds draw_time(scene& in, milliseconds least, milliseconds most) {
  return least + milliseconds(in.random() % static_cast<std::uint64_t>((most - least).count() + 1));
}

void go_on_for(scene& in, milliseconds time) {
  testing::eventually([&] { return !in.at.serves(); }, time);
}

void note(scene& in, const std::string& fault, const std::string& detail) {
  in.into.add_fault(fault, detail);
}

}  // namespace holdfast::chaos
