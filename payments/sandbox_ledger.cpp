#include "payments/sandbox_ledger.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

namespace holdfast::payments {

namespace {

constexpr std::size_t read_bytes = 1 << 20;
/// Longer ones are no lines of ours. Keys are bounded by whoever takes them in.
constexpr std::size_t longest_line_bytes = 64 * 1024;

std::filesystem::path file_in(const std::filesystem::path& folder) {
  return folder / "sandbox-ledger.log";
}

[[noreturn]] void fail(const std::filesystem::path& path) {
  throw std::system_error(errno, std::generic_category(), path.string());
}

void append_number(std::string& line, std::int64_t number) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  line.append(digits, end);
  line.push_back(' ');
}

void append_word(std::string& line, std::string_view word) {
  line.append(word.empty() ? "-" : word);
  line.push_back(' ');
}

std::string_view next_word(std::string_view& rest) {
  const auto end = std::min(rest.find(' '), rest.size());
  const auto word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word == "-" ? std::string_view{} : word;
}

template <class Number>
bool next_number(std::string_view& rest, Number& number) {
  const auto word = next_word(rest);
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc{} && end == word.data() + word.size();
}

/// The record's reason points into the line.
bool parse(std::string_view line, bank_record& record) {
  const auto kind = next_word(line);
  if (kind.size() != 1 || std::string_view("CDFXR").find(kind[0]) == std::string_view::npos) return false;
  record.what = static_cast<bank_record::kind>(kind[0]);
  std::int64_t at_ms = 0;
  if (!next_number(line, at_ms) || !next_number(line, record.reservation) ||
      !next_number(line, record.attempt) || !next_number(line, record.price.amount_minor)) {
    return false;
  }
  record.at = domain::timestamp(std::chrono::milliseconds(at_ms));
  record.price.currency = next_word(line);
  record.reason = next_word(line);
  record.idempotency_key = line;
  return true;
}

struct read_result {
  std::uint64_t whole_bytes = 0;
  std::uint64_t lines_skipped = 0;
};

/// Reads the file from its start to the first zero; memory stays bounded by one read and one line.
read_result read_records(int file, const std::filesystem::path& path,
                         const std::function<void(const bank_record&)>& each) {
  read_result result;
  std::string buffer;
  bank_record record;
  std::uint64_t position = 0;
  for (;;) {
    const auto kept = buffer.size();
    buffer.resize(kept + read_bytes);
    const auto count = ::pread(file, buffer.data() + kept, read_bytes, static_cast<off_t>(position));
    if (count < 0) fail(path);
    position += static_cast<std::uint64_t>(count);
    buffer.resize(kept + static_cast<std::size_t>(count));
    const auto zero = buffer.find('\0', kept);
    if (zero != std::string::npos) buffer.resize(zero);

    std::size_t begin = 0;
    for (auto end = buffer.find('\n', kept); end != std::string::npos; end = buffer.find('\n', begin)) {
      if (parse(std::string_view(buffer).substr(begin, end - begin), record)) {
        each(record);
      } else {
        ++result.lines_skipped;
      }
      begin = end + 1;
    }
    result.whole_bytes += begin;
    if (count == 0 || zero != std::string::npos) return result;
    buffer.erase(0, begin);
    if (buffer.size() > longest_line_bytes) {
      result.whole_bytes += buffer.size();
      buffer.clear();
    }
  }
}

}  // namespace

sandbox_ledger::sandbox_ledger(const std::filesystem::path& folder,
                               const std::function<void(std::uint64_t file_bytes)>& before_the_first,
                               const std::function<void(const bank_record&)>& each) {
  std::filesystem::create_directories(folder);
  const auto path = file_in(folder);
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file_ < 0) fail(path);
  try {
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      fail(path.string() + " can't be locked; end the process that has it open, or give another folder");
    }
    struct stat about {};
    if (::fstat(file_, &about) != 0) fail(path);
    before_the_first(static_cast<std::uint64_t>(about.st_size));
    const auto read = read_records(file_, path, each);
    lines_skipped_ = read.lines_skipped;
    end_ = read.whole_bytes;
    // Space grown ahead ends with the window of the last line. Whatever else lies behind zeros is no such
    // space.
    const auto longest = end_ + longest_line_bytes + window_bytes;
    if (static_cast<std::uint64_t>(about.st_size) > longest - longest % window_bytes) {
      errno = EIO;
      fail(path.string() + " has zeros in its middle: it is damaged");
    }
    if (::ftruncate(file_, static_cast<off_t>(end_)) != 0) fail(path);
  } catch (...) {
    ::close(file_);
    throw;
  }
}

sandbox_ledger::~sandbox_ledger() {
  unmap_window();
  // Zeros that stay are cut off by whoever opens it next.
  [[maybe_unused]] const int cut = ::ftruncate(file_, static_cast<off_t>(end_));
  ::close(file_);
}

void sandbox_ledger::add(const bank_record& record) {
  gathered_.push_back(static_cast<char>(record.what));
  gathered_.push_back(' ');
  append_number(gathered_, record.at.time_since_epoch().count());
  append_number(gathered_, static_cast<std::int64_t>(record.reservation));
  append_number(gathered_, record.attempt);
  append_number(gathered_, record.price.amount_minor);
  append_word(gathered_, record.price.currency);
  append_word(gathered_, record.reason);
  gathered_.append(record.idempotency_key);
  gathered_.push_back('\n');
}

bool sandbox_ledger::flush() {
  while (!gathered_.empty()) {
    if (window_ == nullptr && !map_window()) return false;
    const std::size_t used = end_ % window_bytes;
    const auto count = std::min(gathered_.size(), window_bytes - used);
    std::memcpy(window_ + used, gathered_.data(), count);
    gathered_.erase(0, count);
    end_ += count;
    if (end_ % window_bytes == 0) unmap_window();
  }
  return true;
}

bool sandbox_ledger::map_window() {
  const auto begin = static_cast<off_t>(end_ - end_ % window_bytes);
  // Storing to a page that the disk has no room for would end the process by SIGBUS.
  int error = EINTR;
  while (error == EINTR) error = ::posix_fallocate(file_, begin, window_bytes);
  if (error != 0) return false;
  void* memory = ::mmap(nullptr, window_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_, begin);
  if (memory == MAP_FAILED) return false;
  window_ = static_cast<char*>(memory);
  return true;
}

void sandbox_ledger::unmap_window() {
  if (window_ != nullptr) ::munmap(window_, window_bytes);
  window_ = nullptr;
}

std::uint64_t for_each_ledger_entry(const std::filesystem::path& folder,
                                    const std::function<void(const ledger_entry&)>& each) {
  const auto path = file_in(folder);
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail(path);
  std::uint64_t skipped = 0;
  try {
    const auto read = read_records(file, path, [&](const bank_record& record) {
      const bool charged = record.what == bank_record::kind::captured;
      if (!charged && record.what != bank_record::kind::refunded) return;
      each({record.idempotency_key, record.reservation, record.price,
            charged ? ledger_entry::kind::charge : ledger_entry::kind::refund, record.at,
            intent_id({record.reservation, record.attempt})});
    });
    skipped = read.lines_skipped;
  } catch (...) {
    ::close(file);
    throw;
  }
  ::close(file);
  return skipped;
}

std::vector<ledger_entry> ledger_entries(const std::filesystem::path& folder) {
  std::vector<ledger_entry> all;
  for_each_ledger_entry(folder, [&](const ledger_entry& entry) { all.push_back(entry); });
  return all;
}

}  // namespace holdfast::payments
