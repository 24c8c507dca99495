// Overwrites the body of a request when it has been read, on every way out: it may have a card number.
// In the scope that reads it.
#pragma once

#include <string.h>

#include <string>

namespace holdfast::http {

class body_wiper {
 public:
  explicit body_wiper(std::string& body) : body_(body) {}
  body_wiper(const body_wiper&) = delete;
  body_wiper& operator=(const body_wiper&) = delete;
  ~body_wiper() {
    explicit_bzero(body_.data(), body_.size());
    // The request may wait for its answer for long.
    std::string().swap(body_);
  }

 private:
  std::string& body_;
};

}  // namespace holdfast::http
