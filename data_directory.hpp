// The folder that holds everything durable: made where it is missing, and held by one process
// at a time through an advisory lock that goes with the process, however it ends.
// Owned by the composition root; use from one thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace holdfast {

enum class folder_access { reading, writing };

class data_directory {
 public:
  /// Makes the folder for its owner only (mode 0700) and locks it; or says what is in the way.
  static tl::expected<data_directory, std::string> open(const std::string& path);

  /// Whether a process holds the folder's lock. Leaves nothing there.
  static bool is_in_use(const std::string& path);

  /// What of these, and of all that is in them, is there but not for this user: the first one, with what to
  /// do.
  static std::optional<std::string> no_access(const std::string& path, const std::vector<std::string>& names,
                                              folder_access wanted);

  /// What to do where root is about to write into another user's folder, who could not open it afterwards.
  static std::optional<std::string> anothers(const std::string& path);

  /// What to do where a restore into the folder was broken off.
  static std::optional<std::string> broken_restore(const std::string& path);

  ~data_directory();
  data_directory(data_directory&& other) noexcept;
  data_directory& operator=(data_directory&&) = delete;

  /// What is restored into it is not whole until that has ended: nothing may serve it before.
  std::optional<std::string> begin_restore() const;
  void end_restore() const;

  std::string path_of(const char* name) const { return (path_ / name).string(); }

 private:
  data_directory(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::filesystem::path path_;
  /// The locked file, -1 once moved from.
  int lock_;
};

}  // namespace holdfast
