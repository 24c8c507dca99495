// What clients do to the server: too many, too slow, too much at once.
#include <vector>

#include "tests/chaos/faults.hpp"
#include "tests/support/raw_client.hpp"

namespace holdfast::chaos {

namespace {

using namespace std::chrono_literals;

constexpr int connections_of_a_flood = 400;
constexpr int slow_senders = 50;
constexpr int bytes_of_a_slow_sender = 40;
/// Ten times as many as otherwise.
constexpr int customers_too_many = 80;

const std::string half_a_request =
    "POST /preReservations HTTP/1.1\r\nHost: shop.test\r\nContent-Type: application/json\r\n"
    "Content-Length: 12\r\n\r\n{\"user";

std::vector<testing::raw_client> connections(scene& in, int count) {
  std::vector<testing::raw_client> all;
  for (int i = 0; i < count && in.at.serves(); ++i) all.emplace_back(in.at.port());
  return all;
}

/// Some say nothing, some half of a request; then all are gone at once.
void flood(scene& in) {
  note(in, "flood", std::to_string(connections_of_a_flood) + " connections");
  auto all = connections(in, connections_of_a_flood);
  for (std::size_t i = 0; i < all.size(); i += 2) all[i].send_if_open(half_a_request);
  go_on_for(in, draw_time(in, 50ms, 500ms));
  for (auto& each : all) each.reset();
}

void send_slowly(scene& in) {
  note(in, "slow-senders", std::to_string(slow_senders) + " connections");
  auto all = connections(in, slow_senders);
  for (int at = 0; at < bytes_of_a_slow_sender; ++at) {
    const auto byte = half_a_request.substr(static_cast<std::size_t>(at), 1);
    for (auto& each : all) each.send_if_open(byte);
    go_on_for(in, 20ms);
  }
}

void overload(scene& in) {
  const auto time = draw_time(in, 200ms, 800ms);
  note(in, "overload",
       std::to_string(customers_too_many) + " customers more for " + std::to_string(time.count()) + " ms");
  recorded_crowd more({.size = customers_too_many,
                       .seed = in.random(),
                       .where = {&in.at.door()},
                       .first_number = in.next_customer},
                      in.into);
  in.next_customer += customers_too_many;
  more.begin();
  go_on_for(in, time);
  more.leave();
}

}  // namespace

std::vector<fault> client_faults() {
  return {{"flood", flood}, {"slow-senders", send_slowly}, {"overload", overload}};
}

}  // namespace holdfast::chaos
