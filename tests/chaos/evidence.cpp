#include "tests/chaos/evidence.hpp"

#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>

#include "blocking_calls.hpp"
#include "storage/event_codec.hpp"
#include "storage/rocksdb_journal.hpp"
#include "tests/chaos/observation.hpp"
#include "tests/proof/canaries.hpp"

namespace holdfast::chaos {

namespace {

using records = storage::journal_result<std::vector<storage::journal_record>>;

constexpr std::uint32_t records_at_once = 1024;

void read_shard(storage::journal& journal, storage::shard_id shard, std::vector<proof::journal_line>& into) {
  for (storage::position next = 1;;) {
    auto read = wait_for_answer<records>(
        [&](auto done) { journal.read_shard(shard, next, records_at_once, std::move(done)); });
    if (!read) throw std::runtime_error(read.error().message);
    for (auto& record : *read) {
      next = record.at + 1;
      into.push_back({std::move(record), 0, 0});
    }
    if (read->size() < records_at_once) return;
  }
}

}  // namespace

std::vector<proof::journal_line> read_journal(storage::journal& journal) {
  std::vector<proof::journal_line> all;
  for (std::uint32_t shard = 0; shard < storage::shard_count; ++shard) {
    read_shard(journal, static_cast<storage::shard_id>(shard), all);
  }
  return all;
}

std::vector<proof::journal_line> read_journal(const std::filesystem::path& folder) {
  auto journal = storage::rocksdb_journal::open_read_only({.path = folder.string()});
  if (!journal) throw std::runtime_error(journal.error().message);
  return read_journal(**journal);
}

std::vector<std::string> unfinished_in(const std::vector<proof::journal_line>& reservations) {
  std::map<proof::reservation_id, std::string> bytes;
  for (const auto& line : reservations) bytes[line.record.entity] += line.record.record;
  std::vector<std::string> unfinished;
  for (const auto& [id, all] : bytes) {
    const auto state = storage::fold_reservation(all);
    if (state && (domain::finished(*state) || state->parked)) continue;
    unfinished.push_back("reservation " + std::to_string(id) + " at version " +
                         (state ? std::to_string(state->version) : state.error().message));
  }
  return unfinished;
}

std::vector<proof::ledger_line> read_ledger(testing::sandbox_process& provider) {
  std::vector<proof::ledger_line> lines;
  for (const auto& each : provider.ledger()) {
    proof::ledger_line line;
    line.what = each.kind == "charge" ? proof::ledger_line::kind::charge : proof::ledger_line::kind::refund;
    line.key = each.idempotency_key;
    line.reservation = each.reservation;
    line.transaction = each.transaction_id;
    line.amount_minor = each.amount;
    line.currency = each.currency;
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<proof::view_line> read_view(testing::http_client& client) {
  std::vector<proof::view_line> rows;
  testing::for_each_row(client, "myReservations", [&](const rapidjson::Value& row) {
    rows.push_back({observed(row), {}});
  });
  return rows;
}

std::vector<proof::reservation_id> read_parked(testing::http_client& client) {
  const auto answer = client.document("/actuator/parked");
  std::vector<proof::reservation_id> ids;
  for (const auto& each : answer["parked"].GetArray()) ids.push_back(each["id"].GetUint64());
  if (ids.size() != answer["total"].GetUint64()) throw std::runtime_error("more are parked than are listed");
  return ids;
}

proof::canary_search search_folder(const std::filesystem::path& folder, const std::string& digits) {
  proof::canary_search all{folder.string(), 0, {}};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    const auto one = proof::search_text(entry.path(), bytes, digits);
    all.bytes_searched += one.bytes_searched;
    for (const auto& finding : one.findings) all.findings.push_back(one.place + ", " + finding);
  }
  return all;
}

}  // namespace holdfast::chaos
