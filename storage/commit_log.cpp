#include "storage/commit_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "storage/log_format.hpp"

namespace holdfast::storage {
namespace {

constexpr std::size_t zeros_at_once = 256 * 1024;

[[noreturn]] void fail(const char* what, const std::filesystem::path& path) {
  throw std::filesystem::filesystem_error(what, path, std::error_code(errno, std::system_category()));
}

std::string file_name(std::uint64_t first_batch) {
  char name[32];
  std::snprintf(name, sizeof name, "%012llu.log", static_cast<unsigned long long>(first_batch));
  return name;
}

}  // namespace

commit_log::commit_log(std::filesystem::path folder) : folder_(std::move(folder)), ahead_(folder_ / "ahead") {
  std::filesystem::create_directory(folder_);
  drop_what_was_made_ahead();
}

commit_log::~commit_log() {
  close();
  std::error_code left_over;
  std::filesystem::remove(ahead_, left_over);
}

void commit_log::make_ahead(std::size_t bytes) {
  const int descriptor = ::open(ahead_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) return;
  const std::string zeros(std::min(bytes, zeros_at_once), '\0');
  bool good = true;
  for (std::size_t made = 0; good && made < bytes; made += zeros.size()) {
    good = ::write(descriptor, zeros.data(), zeros.size()) == static_cast<ssize_t>(zeros.size());
  }
  made_ahead_ = ::fsync(descriptor) == 0 && good;
  ::close(descriptor);
  // Others need the room that is left.
  if (!made_ahead_) ::unlink(ahead_.c_str());
}

void commit_log::drop_what_was_made_ahead() {
  made_ahead_ = false;
  std::filesystem::remove(ahead_);
}

void commit_log::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

/// One of this name can have no batch: the next would have another number.
void commit_log::begin_file(std::uint64_t next_batch) {
  close();
  file_ = folder_ / file_name(next_batch);
  size_ = 0;
  const int emptied = made_ahead_ ? 0 : O_TRUNC;
  if (std::exchange(made_ahead_, false)) std::filesystem::rename(ahead_, file_);
  descriptor_ = ::open(file_.c_str(), O_WRONLY | O_CREAT | emptied | O_CLOEXEC, 0600);
  if (descriptor_ < 0) fail("cannot make", file_);
  sync_folder(folder_);
}

void commit_log::append(std::string_view batch) {
  write(log_format::framed(batch, size_));
  if (::fdatasync(descriptor_) != 0) fail("cannot sync", file_);
}

void commit_log::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot write", file_);
    size_ += static_cast<std::size_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void commit_log::remove_files_before(std::uint64_t batch) const {
  for (const auto& [first_batch, file] : logs_in(folder_)) {
    if (first_batch < batch) std::filesystem::remove(file);
  }
}

logged_batches read_commit_log(const std::filesystem::path& folder) {
  logged_batches all;
  all.exists = std::filesystem::exists(folder) && !logs_in(folder).empty();
  if (!all.exists) return all;
  std::vector<std::string> newest_first;
  auto found = look_through_logs(folder, log_space::made_ahead,
                                 [&](std::string_view whole) { newest_first.emplace_back(whole); });
  all.torn = std::move(found.torn);
  all.damage = std::move(found.damage);
  if (all.damage) return all;
  for (auto log = newest_first.rbegin(); log != newest_first.rend(); ++log) {
    log_format::for_each_batch(*log, [&](std::string batch) { all.batches.push_back(std::move(batch)); });
  }
  return all;
}

logged_batches read_beside_owner(const std::filesystem::path& folder) {
  auto logged = read_commit_log(folder);
  while (logged.damage) {
    auto again = read_commit_log(folder);
    if (again.damage == logged.damage) return again;
    logged = std::move(again);
  }
  return logged;
}

void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail("cannot open the folder", folder);
  const int result = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  errno = error;
  if (result != 0) fail("cannot sync the folder", folder);
}

}  // namespace holdfast::storage
