#include "storage/journal_file.hpp"

#include <fcntl.h>
#include <isa-l/crc.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "storage/append_rules.hpp"
#include "storage/big_endian.hpp"

namespace holdfast::storage {

namespace {

constexpr std::string_view magic = "holdfast journal 1\n";
enum frame_kind : std::uint8_t { header = 1, record = 2, end_of_file = 3 };
constexpr std::uint32_t largest_frame_bytes = largest_record_bytes + largest_idempotency_key_bytes + 256;

/// CRC-32C of RFC 3720.
std::uint32_t checksum_of(const std::string& bytes) {
  // The library takes no constant bytes, and changes none.
  auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  return ~crc32_iscsi(data, static_cast<int>(bytes.size()), ~0u);
}

/// What is in a folder is durable when the folder is.
void sync_folder_of(const std::string& path) {
  const auto folder = std::filesystem::absolute(path).parent_path();
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

// --- Writing ---

journal_file_writer::journal_file_writer(std::string path, std::uint64_t total)
    : path_(std::move(path)), part_(path_ + ".part"), file_(nullptr) {
  const int descriptor = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (descriptor < 0 && errno == EEXIST) {
    throw journal_file_failure(part_ +
                               " is there: another run writes it, or one was ended; see, and remove it");
  }
  if (descriptor < 0) fail("make");
  file_ = ::fdopen(descriptor, "wb");
  if (file_ == nullptr) fail("open");
  if (std::fwrite(magic.data(), 1, magic.size(), file_) != magic.size()) fail("write");
  put_frame(big_endian::put_all(std::uint8_t{frame_kind::header}, total));
}

journal_file_writer::~journal_file_writer() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  std::filesystem::remove(part_);
}

void journal_file_writer::add(const exported_record& one) {
  const auto& what = one.record;
  auto body =
      big_endian::put_all(std::uint8_t{frame_kind::record}, static_cast<std::uint8_t>(one.kind),
                          std::uint16_t{what.shard}, std::uint64_t{what.at}, std::uint64_t{what.entity},
                          what.first_sequence, what.event_count, static_cast<std::uint8_t>(one.key ? 1 : 0));
  if (one.key) {
    body += big_endian::put_all(one.key->fingerprint, static_cast<std::uint16_t>(one.key->key.size()));
    body += one.key->key;
  }
  put_frame(body + what.record);
  ++count_;
}

void journal_file_writer::end() {
  put_frame(big_endian::put_all(std::uint8_t{frame_kind::end_of_file}, count_));
  if (std::fflush(file_) != 0 || ::fsync(::fileno(file_)) != 0) fail("write");
  std::fclose(std::exchange(file_, nullptr));
  std::error_code error;
  std::filesystem::rename(part_, path_, error);
  if (error) throw journal_file_failure("can't rename " + part_ + " to " + path_ + ": " + error.message());
  sync_folder_of(path_);
}

void journal_file_writer::put_frame(const std::string& body) {
  const auto head = big_endian::put_all(static_cast<std::uint32_t>(body.size()), checksum_of(body));
  if (std::fwrite(head.data(), 1, head.size(), file_) != head.size() ||
      std::fwrite(body.data(), 1, body.size(), file_) != body.size()) {
    fail("write");
  }
}

void journal_file_writer::fail(const char* doing) const {
  throw journal_file_failure("can't " + std::string(doing) + " " + part_ + ": " +
                             std::generic_category().message(errno));
}

// --- Reading ---

journal_file_reader::journal_file_reader(std::string path)
    : path_(std::move(path)), file_(std::fopen(path_.c_str(), "rbe")) {
  if (file_ == nullptr) {
    throw journal_file_failure("can't open " + path_ + ": " + std::generic_category().message(errno));
  }
  try {
    std::string begin(magic.size(), '\0');
    if (std::fread(begin.data(), 1, begin.size(), file_) != begin.size() || begin != magic) {
      fail("it is no export of a journal that this version can read");
    }
    const auto body = take_frame();
    std::string_view rest = body;
    std::uint8_t kind = 0;
    if (!big_endian::take_all(rest, kind, total_) || kind != frame_kind::header) fail("it has no header");
  } catch (...) {
    std::fclose(file_);
    throw;
  }
}

journal_file_reader::~journal_file_reader() {
  std::fclose(file_);
}

std::optional<exported_record> journal_file_reader::next() {
  if (ended_) return std::nullopt;
  const auto body = take_frame();
  std::string_view rest = body;
  std::uint8_t kind = 0;
  if (!big_endian::take_all(rest, kind)) fail("a frame is empty");
  if (kind == frame_kind::end_of_file) {
    std::uint64_t count = 0;
    if (!big_endian::take_all(rest, count) || count != count_) {
      fail("it says that it has " + std::to_string(count) + " records and has " + std::to_string(count_));
    }
    ended_ = true;
    return std::nullopt;
  }
  exported_record one;
  auto& what = one.record;
  std::uint8_t of = 0;
  std::uint16_t shard = 0;
  std::uint8_t keyed = 0;
  if (kind != frame_kind::record ||
      !big_endian::take_all(rest, of, shard, what.at, what.entity, what.first_sequence, what.event_count,
                            keyed) ||
      of > 1 || shard >= shard_count || keyed > 1) {
    fail("frame " + std::to_string(count_ + 1) + " is no record");
  }
  one.kind = static_cast<journal_kind>(of);
  what.shard = static_cast<shard_id>(shard);
  if (keyed == 1) {
    std::uint16_t size = 0;
    auto& key = one.key.emplace();
    if (!big_endian::take_all(rest, key.fingerprint, size) || rest.size() < size) fail("a key is cut short");
    key.key = rest.substr(0, size);
    rest.remove_prefix(size);
  }
  what.record = rest;
  ++count_;
  return one;
}

std::string journal_file_reader::take_frame() {
  std::string head(8, '\0');
  std::uint32_t size = 0;
  std::uint32_t checksum = 0;
  if (std::fread(head.data(), 1, head.size(), file_) != head.size()) fail("it was cut short");
  std::string_view bytes = head;
  big_endian::take_all(bytes, size, checksum);
  if (size > largest_frame_bytes) fail("a frame is longer than any can be: it is damaged");
  std::string body(size, '\0');
  if (std::fread(body.data(), 1, size, file_) != size) fail("it was cut short");
  if (checksum_of(body) != checksum) {
    fail("the checksum of what follows record " + std::to_string(count_) + " is wrong: it is damaged");
  }
  return body;
}

void journal_file_reader::fail(const std::string& what) const {
  throw journal_file_failure(path_ + ": " + what);
}

}  // namespace holdfast::storage
