// A body that is written as it comes, for as long as it goes on: handed to the session with a response.
// The session owns its share of it and uses it on its event loop's thread only.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace holdfast::http {

class body_stream {
 public:
  virtual ~body_stream() = default;

  /// Before all else. `wake` has to be called, on the loop, when there is something to take again, or the
  /// body is over, after take() left nothing.
  virtual void start(std::function<void()> wake) = 0;

  /// Appends what waits to be written, up to about so many bytes.
  virtual void take(std::string& out, std::size_t bytes) = 0;

  /// Whether nothing more will come, once take() leaves nothing.
  virtual bool over() const = 0;

  /// Appends something that tells the client, and what is between, that the connection lives.
  virtual void keep_alive(std::string& out) = 0;

  /// The server drains: what is needed to end well may still be taken.
  virtual void end() = 0;

  /// The connection is gone: nothing is called any more, and `wake` must not be.
  virtual void abandon() = 0;
};

}  // namespace holdfast::http
