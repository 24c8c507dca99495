// Customers over real sockets who place, repeat, cancel, read and list, whatever becomes of the
// server, and whose every request and answer is recorded for the checker. A lost connection is
// opened again as soon as there is a server.
//
// Each customer works in a thread of its own; a crowd is used by one thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/chaos/recorder.hpp"
#include "tests/support/http_client.hpp"

namespace holdfast::chaos {

/// Where a server takes customers.
struct front {
  std::string address = "127.0.0.1";
  /// 0 while there is none.
  std::atomic<std::uint16_t> port{0};
  /// Where there are several.
  std::string node;
  /// What it knows its customers by; none where it asks nobody who he is.
  std::string key = {};
};
/// Each request goes to any of them.
using fronts = std::vector<const front*>;

/// A number that occurs nowhere by chance, so that it can be looked for in every byte that is kept.
inline constexpr const char* canary_card = "4916338506082832";

class recorded_customer {
 public:
  recorded_customer(std::uint32_t number, std::uint64_t seed, recorder& into, fronts where,
                    std::optional<std::chrono::milliseconds> patience);

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

  /// False where nobody can be reached.
  bool ask_at_rest(keyed_placement& what);
  /// To the front that it turns to next.
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
  const fronts fronts_;
  const std::optional<std::chrono::milliseconds> patience_;
  std::uint64_t placed_ = 0;
  bool told_to_wait_ = false;
  bool auditing_ = false;
  int asks_left_ = 0;
  std::vector<keyed_placement> keyed_;
  /// A connection to each front, where there is one.
  std::vector<std::unique_ptr<testing::http_client>> clients_;
  std::size_t turned_to_ = 0;
};

struct crowd_options {
  int size = 8;
  std::uint64_t seed = 1;
  fronts where;
  std::uint32_t first_number = 0;
  /// Every other one hangs up when an answer takes longer.
  std::optional<std::chrono::milliseconds> patience = std::nullopt;
};

class recorded_crowd {
 public:
  recorded_crowd(const crowd_options& options, recorder& into);
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

  std::atomic<bool> leaving_{false};
  std::atomic<std::uint64_t> requests_{0};
  std::vector<std::unique_ptr<recorded_customer>> customers_;
  std::vector<std::thread> threads_;
};

}  // namespace holdfast::chaos
