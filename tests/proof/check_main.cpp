// Judges the history in a file. Exits with 0 where it is good, 1 where it is not, 2 where it can't
// be read.
#include <fstream>
#include <iostream>

#include "tests/proof/checker.hpp"
#include "tests/proof/history_json.hpp"

int main(int argc, char** argv) {
  using namespace holdfast::proof;
  if (argc != 2) {
    std::cerr << "usage: holdfast_check FILE\n";
    return 2;
  }
  std::ifstream file(argv[1]);
  if (!file) {
    std::cerr << argv[1] << ": can't be opened\n";
    return 2;
  }
  const auto read = read_history(file);
  if (!read) {
    std::cerr << argv[1] << ": " << read.error() << "\n";
    return 2;
  }
  const auto judged = check(*read);
  std::cout << to_text(judged, read->facts);
  return judged.good() ? 0 : 1;
}
