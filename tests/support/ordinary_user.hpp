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
    // The real one, too: else programs that are run would be taken for such as change their user, of which
    // the sanitizers know too little. The saved one is the way back.
    if (was_ == 0 && ::setresuid(nobody, nobody, 0) != 0) throw std::runtime_error("setresuid failed");
  }
  ~ordinary_user() {
    // Who was nobody else may always go back.
    if (was_ == 0 && ::setresuid(0, 0, 0) != 0) ::_exit(1);
  }
  ordinary_user(const ordinary_user&) = delete;
  ordinary_user& operator=(const ordinary_user&) = delete;

 private:
  const uid_t was_ = ::geteuid();
};

}  // namespace holdfast::testing
