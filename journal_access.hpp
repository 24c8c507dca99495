// Opens the journals of a shop, in a data folder or in PostgreSQL, for the commands that look into them or
// move them. Used by one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "data_directory.hpp"
#include "journal_transfer.hpp"
#include "storage/journal.hpp"
#include "storage/postgres_places.hpp"

namespace holdfast {

struct journal_location {
  std::string data = "./data";
  /// None for the journals in the data folder. Secret: a URL may hold a password.
  std::vector<storage::postgres_place> places;
};

struct opened_journals {
  /// Locked, where they are to be written there.
  std::optional<data_directory> folder;
  /// Where they are marked as not whole, in PostgreSQL.
  std::vector<storage::postgres_place> marked;
  std::unique_ptr<storage::journal> reservations;
  std::unique_ptr<storage::journal> receipts;

  shop_journals both() const { return {*reservations, *receipts}; }
  /// New ones are whole. Or why that can't be written down.
  std::optional<std::string> end_restore() const;
};

/// Why journals in this data folder can't be read, with what to do: a restore fills them, or was broken off,
/// or they are not for this user.
std::optional<std::string> refuse_to_read(const std::string& data);

/// To be read, also beside a running server. In a data folder they are as of this moment, the receipts' a
/// moment later.
tl::expected<opened_journals, std::string> open_to_read(const journal_location& where);

/// Of those in a data folder: what is damaged, each in a sentence. The rest is for who reads them to find.
/// Tells how many tables of one of them it has read of how many.
tl::expected<std::vector<std::string>, std::string> find_damage(const journal_location& where,
                                                                const transfer_progress& told);

/// New ones to be filled, which nothing serves before end_restore(). Fails where there are some already.
tl::expected<opened_journals, std::string> open_new(const journal_location& where);

/// What is there in PostgreSQL, by the name of one of the two: "reservations".
storage::journal_result<std::unique_ptr<storage::journal>> open_places(
    const std::vector<storage::postgres_place>& places, const char* name);

}  // namespace holdfast
