// A connection as the handler of a request on it may look at it.
// Owned by the transport; a request refers to it weakly. On its event loop's thread only.
#pragma once

namespace holdfast::http {

class connection {
 public:
  virtual ~connection() = default;

  /// Whether the client has closed its side, or all of it is closed.
  virtual bool client_has_left() const = 0;

  /// Leaves it open when the server pauses, and however long it is idle.
  virtual void keep_through_pause() = 0;

  /// At once; what is not answered then never is.
  virtual void close() = 0;
};

}  // namespace holdfast::http
