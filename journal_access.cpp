#include "journal_access.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include "journal_walk.hpp"
#include "storage/journal_damage.hpp"
#include "storage/postgres_membership.hpp"
#include "storage/postgres_restore.hpp"
#include "storage/rocksdb_journal.hpp"

namespace holdfast {

namespace {

using opened = tl::expected<opened_journals, std::string>;
using one_opened = storage::journal_result<std::unique_ptr<storage::journal>>;

constexpr const char* journal_names[] = {"reservations", "receipts"};

std::string schema_of(const char* name) {
  return std::string("holdfast_") + name;
}

std::string path_in(const journal_location& where, const char* name) {
  return (std::filesystem::path(where.data) / name).string();
}

one_opened as_journal(storage::journal_result<std::unique_ptr<storage::rocksdb_journal>> result) {
  if (!result) return tl::unexpected(std::move(result.error()));
  return std::move(*result);
}

/// The reservations first: see journal_transfer.hpp.
template <class Open>
opened open_both(opened_journals into, const Open& open) {
  auto reservations = open("reservations");
  if (!reservations) return tl::unexpected(std::move(reservations.error().message));
  into.reservations = std::move(*reservations);
  auto receipts = open("receipts");
  if (!receipts) return tl::unexpected(std::move(receipts.error().message));
  into.receipts = std::move(*receipts);
  return into;
}

one_opened open_places(const std::vector<storage::postgres_place>& places, const char* name,
                       bool must_exist) {
  storage::postgres_options options;
  options.schema = schema_of(name);
  options.must_exist = must_exist;
  return storage::open_postgres_places(places, std::move(options));
}

/// In PostgreSQL, where the schemas are made by opening them.
opened open_new_places(const std::vector<storage::postgres_place>& places) {
  const auto members =
      storage::postgres_membership::count_members({.url = places.front().url, .schema = "holdfast_cluster"});
  if (!members) return tl::unexpected(members.error());
  if (*members > 0) {
    return tl::unexpected("a cluster of " + std::to_string(*members) + " nodes runs on it: end them first");
  }
  auto into = open_both({}, [&](const char* name) { return open_places(places, name, false); });
  if (!into) return into;
  try {
    for (auto* journal : {into->reservations.get(), into->receipts.get()}) {
      if (sum_of(ends_of(*journal)) != 0) {
        return tl::unexpected(
            std::string("there are records already in that journal; give one that is empty"));
      }
    }
  } catch (const transfer_failure& failure) {
    return tl::unexpected(std::string(failure.what()));
  }
  for (const auto* name : journal_names) {
    if (auto failure = storage::begin_restore(places, schema_of(name))) return tl::unexpected(*failure);
  }
  into->marked = places;
  return into;
}

}  // namespace

one_opened open_places(const std::vector<storage::postgres_place>& places, const char* name) {
  return open_places(places, name, true);
}

std::optional<std::string> refuse_to_read(const std::string& data) {
  auto broken = data_directory::broken_restore(data);
  if (broken && data_directory::is_in_use(data)) {
    return "a restore into " + data + " goes on: wait until it has ended";
  }
  if (broken) return broken;
  return data_directory::no_access(data, {std::begin(journal_names), std::end(journal_names)},
                                   folder_access::reading);
}

opened open_to_read(const journal_location& where) {
  if (!where.places.empty()) {
    return open_both({}, [&](const char* name) { return open_places(where.places, name); });
  }
  if (auto refused = refuse_to_read(where.data)) return tl::unexpected(std::move(*refused));
  return open_both({}, [&](const char* name) {
    return as_journal(storage::rocksdb_journal::open_read_only({path_in(where, name)}));
  });
}

tl::expected<std::vector<std::string>, std::string> find_damage(const journal_location& where,
                                                                const transfer_progress& told) {
  if (!where.places.empty()) return {};
  if (auto refused = refuse_to_read(where.data)) return tl::unexpected(std::move(*refused));
  const auto is_there = [&](const char* name) { return std::filesystem::exists(path_in(where, name)); };
  if (std::none_of(std::begin(journal_names), std::end(journal_names), is_there)) {
    return tl::unexpected("there is no journal in " + where.data + "; give the --data of holdfast serve");
  }
  std::vector<std::string> damage;
  for (const auto* name : journal_names) {
    if (!is_there(name)) {
      damage.push_back("journal " + path_in(where, name) + ": it is lost");
      continue;
    }
    auto found = storage::find_damage(path_in(where, name), told);
    if (!found) return tl::unexpected(std::move(found.error()));
    damage.insert(damage.end(), found->begin(), found->end());
  }
  return damage;
}

std::optional<std::string> opened_journals::end_restore() const {
  if (folder) folder->end_restore();
  for (const auto* name : journal_names) {
    if (marked.empty()) break;
    if (auto failure = storage::end_restore(marked, schema_of(name))) return failure;
  }
  return std::nullopt;
}

opened open_new(const journal_location& where) {
  if (!where.places.empty()) return open_new_places(where.places);
  auto folder = data_directory::open(where.data);
  if (!folder) return tl::unexpected(std::move(folder.error()));
  for (const auto* name : journal_names) {
    if (std::filesystem::exists(path_in(where, name))) {
      return tl::unexpected("there is a journal in " + path_in(where, name) +
                            " already; give a --data that has none");
    }
  }
  if (auto broken = data_directory::broken_restore(where.data)) return tl::unexpected(std::move(*broken));
  if (auto failure = folder->begin_restore()) return tl::unexpected(std::move(*failure));
  opened_journals into;
  into.folder.emplace(std::move(*folder));
  return open_both(std::move(into), [&](const char* name) {
    return as_journal(storage::rocksdb_journal::open({path_in(where, name)}));
  });
}

}  // namespace holdfast
