// A reader of /events who stays through whatever becomes of the servers: each time the stream breaks off he
// goes on from his last id, at the next of them, and what he is told is recorded for the checker.
//
// Works in a thread of its own, which ends when leave() was called and the stream has ended, or no event
// has come for a while. Owned by one run.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/chaos/recorded_customers.hpp"
#include "tests/chaos/recorder.hpp"

namespace holdfast::chaos {

class recorded_reader {
 public:
  recorded_reader(recorder& into, fronts where);
  ~recorded_reader();

  void begin();
  void leave() { leaving_ = true; }

  std::vector<proof::event_line> told() const;
  /// How often he has come back.
  int streams() const { return streams_; }

 private:
  void read();
  void read_one_stream(const front& at);

  recorder& into_;
  const fronts fronts_;
  std::atomic<bool> leaving_{false};
  std::atomic<int> streams_{0};
  std::string last_id_;
  mutable std::mutex mutex_;
  std::vector<proof::event_line> told_;
  std::thread thread_;
};

}  // namespace holdfast::chaos
