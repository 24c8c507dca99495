#include "http/reader.hpp"

#include <optional>
#include <utility>
#include <vector>

namespace holdfast::http {

namespace {

std::uint64_t version_of(const std::vector<storage::journal_record>& records) {
  return records.empty() ? 0 : records.back().first_sequence + records.back().event_count - 1;
}

std::string join(const std::vector<storage::journal_record>& records) {
  std::string joined;
  for (const auto& record : records) joined += record.record;
  return joined;
}

/// The later of what the view and the journal know.
read_answer choose(std::optional<storage::stored_row> row,
                   const std::vector<storage::journal_record>& records) {
  if (row && row->version >= version_of(records)) return {read_status::found, std::move(row->records)};
  if (records.empty()) return {read_status::missing, {}};
  return {read_status::found, join(records)};
}

}  // namespace

reservation_reader::reservation_reader(storage::view_reader& view, storage::journal& journal,
                                       const storage::projection_progress& progress,
                                       boost::asio::io_context& loop)
    : view_(view), journal_(journal), progress_(progress), journal_reads_(loop) {}

void reservation_reader::get(domain::reservation_id id, std::function<void(read_answer)> done) {
  // Looked up before the view is asked: what is projected in between can only make the row newer.
  const bool behind = progress_.lags(id);
  view_.get(id,
            [weak = weak_from_this(), id, behind, done = std::move(done)](storage::view_result<row> seen) {
              const auto self = weak.lock();
              if (!self) return;
              if (!seen) return done({read_status::view_unavailable, {}});
              if (*seen && !behind) return done({read_status::found, std::move((*seen)->records)});
              self->read_journal(id, std::move(*seen), done);
            });
}

void reservation_reader::read_journal(domain::reservation_id id, row seen,
                                      std::function<void(read_answer)> done) {
  if (journal_reads_.waiting() >= largest_journal_reads) return done({read_status::view_unavailable, {}});
  journal_.read_entity(
      id, journal_reads_.expect([seen = std::move(seen), done = std::move(done)](
                                    storage::journal_result<std::vector<storage::journal_record>> records) {
        if (!records) return done({read_status::journal_unavailable, {}});
        done(choose(seen, *records));
      }));
}

}  // namespace holdfast::http
