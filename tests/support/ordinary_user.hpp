// Lets root act as a user who may not do everything, until the end of its scope; of others it changes
// nothing. Of the whole process, and of children that it starts meanwhile.
#pragma once

#include <unistd.h>

#include <stdexcept>

namespace holdfast::testing {

class ordinary_user {
 public:
  ordinary_user() {
    constexpr uid_t nobody = 65534;
    if (was_ == 0 && ::seteuid(nobody) != 0) throw std::runtime_error("seteuid failed");
  }
  ~ordinary_user() {
    // Who was nobody else may always go back.
    if (::seteuid(was_) != 0) ::_exit(1);
  }
  ordinary_user(const ordinary_user&) = delete;
  ordinary_user& operator=(const ordinary_user&) = delete;

 private:
  const uid_t was_ = ::geteuid();
};

}  // namespace holdfast::testing
