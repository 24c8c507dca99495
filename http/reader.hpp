// Reads one reservation: from the view, or folded from the journal where the view may be behind,
// so that what was acknowledged before a read began is never missed.
// Threading: used on one loop only, destroyed before it and before its ports.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "http/loop_callbacks.hpp"
#include "storage/journal.hpp"
#include "storage/projection_progress.hpp"
#include "storage/view.hpp"

namespace holdfast::http {

/// Reads of the journal under way at once, for each loop; further ones are refused.
inline constexpr std::size_t largest_journal_reads = 256;

enum class read_status : std::uint8_t {
  found,
  missing,
  /// The view can't be read, or too many reads of the journal are under way.
  view_unavailable,
  journal_unavailable
};

struct read_answer {
  read_status status = read_status::missing;
  /// The reservation's records one behind the other, where found.
  std::string records;
};

class reservation_reader : public std::enable_shared_from_this<reservation_reader> {
 public:
  reservation_reader(storage::view_reader& view, storage::journal& journal,
                     const storage::projection_progress& progress, boost::asio::io_context& loop);

  /// `done` is called once on the loop, perhaps before this returns, or never if this goes first.
  void get(domain::reservation_id id, std::function<void(read_answer)> done);

 private:
  using row = std::optional<storage::stored_row>;

  void read_journal(domain::reservation_id id, row seen, std::function<void(read_answer)> done);

  storage::view_reader& view_;
  storage::journal& journal_;
  const storage::projection_progress& progress_;
  loop_callbacks<storage::journal_result<std::vector<storage::journal_record>>> journal_reads_;
};

}  // namespace holdfast::http
