// A file of API keys, as `holdfast serve --auth keys` wants it, with the keys themselves, for tests.
// Owned by one test; one thread.
#pragma once

#include <fstream>
#include <string>

#include "http/api_keys.hpp"
#include "http/sha256.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::testing {

class api_key_file {
 public:
  /// A key of this role and, for a customer, this user; readable, since nobody has to guess it here.
  std::string add(const std::string& name, const std::string& role_and_user) {
    const auto key = std::string(http::api_key_prefix) + "key-of-" + name;
    write(http::to_hexadecimal(http::sha256(key)) + " " + name + " " + role_and_user + "\n");
    return key;
  }

  /// Behind what there is.
  void write(const std::string& text) { std::ofstream(path(), std::ios::app) << text; }
  void clear() { std::ofstream(path(), std::ios::trunc); }

  std::string path() const { return folder_ / "keys"; }

 private:
  temporary_folder folder_;
};

}  // namespace holdfast::testing
