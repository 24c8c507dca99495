// Feeds every file of the folders that it is given to the fuzz target that it is linked with, as any
// build can: the corpus stays in step with the code.
//
//     fuzz_TARGET FOLDER ...
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/target.hpp"

namespace {

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void feed(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  // The last one that is named is the one that ended the process.
  std::cerr << path.filename().string() << '\n';
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int count, char** arguments) {
  std::size_t fed = 0;
  for (int i = 1; i < count; ++i) {
    for (const auto& path : files_in(arguments[i])) {
      feed(path);
      ++fed;
    }
  }
  std::cout << fed << " files\n";
  return fed > 0 ? 0 : 1;
}
