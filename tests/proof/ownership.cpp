// Invariant 8: a shard's positions are gapless, its epochs never fall, and whoever appends under an epoch is
// the one node that claimed it, for as long as nobody has claimed a greater one.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "storage/shard.hpp"
#include "tests/proof/case_file.hpp"

namespace holdfast::proof {

namespace {

/// One of the two journals.
struct owned_journal {
  const char* name;
  const std::vector<journal_line>& lines;
  const std::vector<claim_line>& claims;
};

std::string place_of(const owned_journal& journal, storage::shard_id shard) {
  return std::string(journal.name) + ": shard " + std::to_string(shard);
}

void check_positions(case_file& file, const owned_journal& journal) {
  std::map<storage::shard_id, storage::position> last;
  std::map<storage::shard_id, storage::epoch> epochs;
  for (const auto& line : journal.lines) {
    const auto& record = line.record;
    const auto place = place_of(journal, record.shard);
    auto& at = last[record.shard];
    if (record.at != at + 1) {
      file.report(
          8, record.entity,
          place + " goes on from position " + std::to_string(at) + " with " + std::to_string(record.at));
    }
    at = record.at;
    auto& epoch = epochs[record.shard];
    if (line.owner_epoch < epoch) {
      file.report(
          8, record.entity,
          place + " took epoch " + std::to_string(line.owner_epoch) + " after " + std::to_string(epoch));
    }
    epoch = line.owner_epoch;
    if (storage::shard_of(record.entity) != record.shard) {
      file.report(8, record.entity, std::string(journal.name) + ": it stands in a shard that is not its own");
    }
  }
}

using owners = std::map<std::pair<storage::shard_id, storage::epoch>, std::string>;

/// Who claimed which epoch.
owners check_claims(case_file& file, const owned_journal& journal) {
  owners claimed;
  std::map<storage::shard_id, storage::epoch> last;
  for (const auto& claim : journal.claims) {
    auto& epoch = last[claim.shard];
    if (claim.owner_epoch <= epoch) {
      file.report(8, 0,
                  place_of(journal, claim.shard) + " was claimed by " + claim.node + " with epoch " +
                      std::to_string(claim.owner_epoch) + " after " + std::to_string(epoch));
    }
    epoch = std::max(epoch, claim.owner_epoch);
    claimed.emplace(std::pair(claim.shard, claim.owner_epoch), claim.node);
  }
  return claimed;
}

/// Each epoch is one node's: that of the claim where it is known, else that of the first append.
void check_owners(case_file& file, const owned_journal& journal, owners claimed) {
  for (const auto& line : journal.lines) {
    if (line.node.empty()) continue;
    const auto epoch = std::pair(line.record.shard, line.owner_epoch);
    if (file.run.facts.has_claims && !claimed.contains(epoch)) {
      file.report(8, line.record.entity,
                  place_of(journal, line.record.shard) + " took epoch " + std::to_string(line.owner_epoch) +
                      " of " + line.node + ", which nobody has claimed");
    }
    const auto& owner = claimed.emplace(epoch, line.node).first->second;
    if (owner != line.node) {
      file.report(8, line.record.entity,
                  place_of(journal, line.record.shard) + " took epoch " + std::to_string(line.owner_epoch) +
                      " of " + line.node + ", though it is " + owner + "'s");
    }
  }
}

/// Nothing is accepted under an epoch once a greater one is claimed.
void check_fences(case_file& file, const owned_journal& journal) {
  std::map<storage::shard_id, std::vector<const claim_line*>> claims;
  for (const auto& claim : journal.claims) claims[claim.shard].push_back(&claim);
  for (const auto& line : journal.lines) {
    for (const auto* claim : claims[line.record.shard]) {
      if (claim->at >= line.at || claim->owner_epoch <= line.owner_epoch) continue;
      file.report(8, line.record.entity,
                  place_of(journal, line.record.shard) + " took epoch " + std::to_string(line.owner_epoch) +
                      " of " + line.node + " after " + claim->node + " had claimed epoch " +
                      std::to_string(claim->owner_epoch));
      break;
    }
  }
}

void check_journal(case_file& file, const owned_journal& journal) {
  check_positions(file, journal);
  check_owners(file, journal, check_claims(file, journal));
  if (file.run.facts.has_claims) check_fences(file, journal);
}

}  // namespace

void check_ownership(case_file& file) {
  check_journal(file, {"journal", file.run.reservations, file.run.reservation_claims});
  check_journal(file, {"receipts", file.run.receipts, file.run.receipt_claims});
  if (const auto several = file.run.facts.shards_with_several_owners; several > 0) {
    file.report(8, 0, std::to_string(several) + " shards have several owners at the end");
  }
}

}  // namespace holdfast::proof
