// The file that a journal is exported to and imported from, whatever store it lies in: FORMAT.md has its
// bytes. Whole or not at all: it is written under another name until it ends, and a reader takes nothing for
// whole that has no end. Blocks on the disk; used by one thread. What fails is thrown as
// journal_file_failure, which names the file.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "storage/journal.hpp"

namespace holdfast::storage {

struct journal_file_failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Which of the two journals of a shop a record is of.
enum class journal_kind : std::uint8_t { reservations = 0, receipts = 1 };

struct exported_record {
  journal_kind kind = journal_kind::reservations;
  journal_record record;
  /// The idempotency key that was claimed for the entity: with its first record.
  std::optional<idempotency_claim> key;

  bool operator==(const exported_record& other) const {
    const auto same_key =
        key.has_value() == other.key.has_value() &&
        (!key || (key->key == other.key->key && key->fingerprint == other.key->fingerprint));
    return kind == other.kind && record == other.record && same_key;
  }
};

class journal_file_writer {
 public:
  /// `total` is how many records are meant to follow, for whoever shows how far a reader is.
  journal_file_writer(std::string path, std::uint64_t total);
  ~journal_file_writer();
  journal_file_writer(const journal_file_writer&) = delete;
  journal_file_writer& operator=(const journal_file_writer&) = delete;

  void add(const exported_record& one);
  /// Durable, and there under its name, when this returns.
  void end();

 private:
  void put_frame(const std::string& body);
  [[noreturn]] void fail(const char* doing) const;

  const std::string path_;
  const std::string part_;
  std::FILE* file_;
  std::uint64_t count_ = 0;
};

class journal_file_reader {
 public:
  explicit journal_file_reader(std::string path);
  ~journal_file_reader();
  journal_file_reader(const journal_file_reader&) = delete;
  journal_file_reader& operator=(const journal_file_reader&) = delete;

  std::uint64_t total() const { return total_; }
  /// The next one; nothing behind the last. Refuses what was cut short or damaged.
  std::optional<exported_record> next();

 private:
  std::string take_frame();
  [[noreturn]] void fail(const std::string& what) const;

  const std::string path_;
  std::FILE* file_;
  std::uint64_t total_ = 0;
  std::uint64_t count_ = 0;
  bool ended_ = false;
};

}  // namespace holdfast::storage
