// What a look at a system found, a line for each thing, with what to do about it.
// Writes to a stdio stream; used by one thread.
#pragma once

#include <cstdio>
#include <string>

namespace holdfast {

class diagnosis {
 public:
  explicit diagnosis(std::FILE* to) : to_(to) {}

  void good(const std::string& what, const std::string& seen) { print("ok  ", what, seen, {}); }
  void warn(const std::string& what, const std::string& seen, const std::string& advice) {
    ++warnings_;
    print("WARN", what, seen, advice);
  }
  void bad(const std::string& what, const std::string& seen, const std::string& advice) {
    ++faults_;
    print("BAD ", what, seen, advice);
  }

  /// The sum, and the exit code: 1 where something is bad.
  int end() const {
    std::fprintf(to_, "%d faults, %d warnings\n", faults_, warnings_);
    return faults_ == 0 ? 0 : 1;
  }

 private:
  void print(const char* mark, const std::string& what, const std::string& seen, const std::string& advice) {
    std::fprintf(to_, "%s  %s: %s\n", mark, what.c_str(), seen.c_str());
    if (!advice.empty()) std::fprintf(to_, "      %s\n", advice.c_str());
  }

  std::FILE* const to_;
  int faults_ = 0;
  int warnings_ = 0;
};

}  // namespace holdfast
