// Customers over real sockets who place, repeat, cancel, read and list, whatever becomes of the
// server, and whose every request and answer is recorded for the checker. A lost connection is
// opened again as soon as there is a server.
//
// Each customer works in a thread of its own; a crowd is used by one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/chaos/recorder.hpp"
#include "tests/support/http_client.hpp"

namespace holdfast::chaos {

/// Where the server is, 0 while there is none.
using current_port = std::atomic<std::uint16_t>;

/// A number that occurs nowhere by chance, so that it can be looked for in every byte that is kept.
inline constexpr const char* canary_card = "4916338506082832";

class recorded_customer {
 public:
  recorded_customer(std::uint32_t number, std::uint64_t seed, recorder& into, const current_port& port);

  /// One request; connects first where it has to. False where it has to wait before the next one:
  /// there was nobody to connect to, or it was told to come again later.
  bool act();
  /// Places once more, under their keys, what was placed last: at most so many, and whatever has no
  /// final answer yet. Everything is at rest, so these have to be served.
  void repeat_keys(std::size_t at_most);

 private:
  struct keyed_placement {
    std::string key;
    std::string body;
    std::uint64_t user = 0;
    std::int64_t price = 0;
    bool final = false;
  };

  bool connected();
  std::uint64_t draw(std::uint64_t choices) { return random_() % choices; }

  void place();
  void repeat(keyed_placement& what, bool with_other_fields);
  void send_placement(proof::operation& one, const std::string& body, keyed_placement* keyed);
  void cancel(proof::reservation_id whom);
  void read(proof::reservation_id whom);
  void list();

  proof::operation begin(proof::operation_kind kind) const;
  /// Sends the request and fills in what came back; the body where it is one to look into.
  template <class Request>
  void perform(proof::operation& one, Request request);
  void take(proof::operation& one, const testing::raw_response& answer);
  void complain_if_odd(const proof::operation& one, const testing::raw_response& answer);

  const std::uint32_t number_;
  const std::uint64_t seed_;
  std::mt19937_64 random_;
  recorder& into_;
  const current_port& port_;
  std::uint64_t placed_ = 0;
  bool told_to_wait_ = false;
  bool auditing_ = false;
  std::vector<keyed_placement> keyed_;
  std::unique_ptr<testing::http_client> client_;
};

class recorded_crowd {
 public:
  recorded_crowd(int size, std::uint64_t seed, recorder& into, const current_port& port,
                 std::uint32_t first_number = 0);
  ~recorded_crowd() { leave(); }

  /// They work from now on until leave(), which waits for the answers that they are owed.
  void begin();
  void leave();
  /// Answers and lost connections since it was made.
  std::uint64_t requests() const { return requests_; }

  /// Once they have left: see recorded_customer.
  void repeat_keys(std::size_t at_most_of_each);

 private:
  void work(recorded_customer& one);

  const current_port& port_;
  std::atomic<bool> leaving_{false};
  std::atomic<std::uint64_t> requests_{0};
  std::vector<std::unique_ptr<recorded_customer>> customers_;
  std::vector<std::thread> threads_;
};

}  // namespace holdfast::chaos
