// The calls that a server has received and not yet answered, and the most that there ever were at
// once. One whose client has left counts no more: it is looked for before a new maximum is noted,
// so that a client that never has more than so many calls open is never counted with more.
//
// Threading: one event loop's, which is also that of the calls' connections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

#include "http/connection.hpp"

namespace holdfast::http {

class calls_under_way {
 public:
  using ticket = std::uint64_t;

  ticket begin(std::weak_ptr<connection> from);
  void end(ticket call) { calls_.erase(call); }
  /// It will never be answered: its connection is closed when its client has left.
  void hang(ticket call);

  /// Drops those whose clients have left.
  void look_around();

  std::size_t count() const { return calls_.size(); }
  std::size_t most() const { return most_; }

 private:
  struct call {
    std::weak_ptr<connection> from;
    bool hangs = false;
  };

  /// Bounded by the server's connections: each has one call at most.
  std::map<ticket, call> calls_;
  ticket next_ = 0;
  std::size_t most_ = 0;
};

}  // namespace holdfast::http
