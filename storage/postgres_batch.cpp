#include "storage/postgres_batch.hpp"

#include <algorithm>
#include <random>
#include <utility>

namespace holdfast::storage {
namespace {

// Each statement sees what was committed before it began, the first one waits for the locks: so the others
// see what the owner before has written. Rows are locked in the order of the shards, so that two owners never
// wait for each other: plans are nested loops, and arrays are in that order.
constexpr postgres_statement begin_batch{"begin", "BEGIN ISOLATION LEVEL READ COMMITTED"};
constexpr postgres_statement lock_shards{
    "lock_shards",
    "SELECT shard::bigint, epoch, counter, last_position, last_entity FROM shards "
    "WHERE shard = ANY ($1::bigint[]) ORDER BY shard FOR UPDATE"};
constexpr postgres_statement find_sequences{
    "find_sequences",
    "SELECT needed.entity, last.sequence FROM unnest($1::bigint[]) AS needed(entity) CROSS JOIN LATERAL "
    "(SELECT first_sequence + event_count - 1 AS sequence FROM records "
    " WHERE records.entity = needed.entity ORDER BY first_sequence DESC LIMIT 1) AS last"};
constexpr postgres_statement find_keys{"find_keys",
                                       "SELECT keys.shard::bigint, keys.key, keys.entity, keys.fingerprint "
                                       "FROM unnest($1::bigint[], $2::bytea[]) AS needed(shard, key) "
                                       "JOIN keys ON keys.shard = needed.shard AND keys.key = needed.key"};

constexpr postgres_statement put_shards{
    "put_shards",
    "UPDATE shards SET epoch = new.epoch, counter = new.counter, last_position = new.last_position, "
    "last_entity = new.last_entity "
    "FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) "
    "AS new(shard, epoch, counter, last_position, last_entity) WHERE shards.shard = new.shard"};
// The same by what is known of them, or not at all: the cast of what is no number fails, and with it the
// transaction.
constexpr postgres_statement move_shards{
    "move_shards",
    "WITH moved AS ("
    "  UPDATE shards SET counter = new.counter, last_position = new.last_position, "
    "  last_entity = new.last_entity "
    "  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) "
    "  AS new(shard, epoch, counter, last_position, last_entity, known_position) "
    "  WHERE shards.shard = new.shard AND shards.epoch = new.epoch "
    "  AND shards.last_position = new.known_position RETURNING 1) "
    "SELECT CASE WHEN count(*) = cardinality($1::bigint[]) THEN 0 "
    "ELSE ('another owner has written: of the shards as known are ' || count(*))::bigint END FROM moved"};
/// invalid_text_representation, which no other statement can bring about.
constexpr std::string_view another_owner_has_written = "22P02";
constexpr postgres_statement roll_back{"roll_back", "ROLLBACK"};
constexpr postgres_statement add_records{
    "add_records",
    "INSERT INTO records (shard, position, entity, first_sequence, event_count, record, batch) "
    "SELECT *, $7::bigint FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], "
    "$6::bytea[])"};
constexpr postgres_statement add_keys{
    "add_keys",
    "INSERT INTO keys (shard, key, entity, fingerprint) "
    "SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bigint[])"};
constexpr postgres_statement add_unfinished{
    "add_unfinished",
    "INSERT INTO unfinished (shard, entity) SELECT * FROM unnest($1::bigint[], $2::bigint[]) "
    "ON CONFLICT DO NOTHING"};
constexpr postgres_statement remove_unfinished{
    "remove_unfinished",
    "DELETE FROM unfinished USING unnest($1::bigint[], $2::bigint[]) AS finished(shard, entity) "
    "WHERE unfinished.shard = finished.shard AND unfinished.entity = finished.entity"};
constexpr postgres_statement commit_batch{"commit", "COMMIT"};

constexpr postgres_statement find_batch{
    "find_batch", "SELECT batch FROM records WHERE shard = $1::bigint AND position = $2::bigint"};

std::uint64_t random_number() {
  std::random_device source;
  return std::uint64_t{source()} << 32 | source();
}

/// What is committed, but perhaps on one machine only, must not be answered. Where an operator cancels the
/// wait for a standby the server warns, and calls the commit a success. The commit is the last of its
/// exchange.
void check_commit(const postgres_connection& connection, const postgres_rows& answer) {
  using kind = postgres_failure::kind;
  if (!connection.warning().empty()) throw postgres_failure(kind::passing, connection.warning());
  if (answer.command() != "COMMIT") throw postgres_failure(kind::passing, "the server rolled back");
}

}  // namespace

postgres_batch::postgres_batch(postgres_known& known) : number_(random_number()), known_(known) {}

void postgres_batch::need(shard_id shard) {
  shards_needed_.insert(shard);
  claims_ = true;
}

void postgres_batch::need(const journal_entry& entry) {
  shards_needed_.insert(entry.shard);
  entities_needed_.insert(entry.entity);
  if (entry.key) keys_needed_.emplace(entry.shard, entry.key->key);
}

void postgres_batch::commit(postgres_connection& connection, const std::function<void()>& judge_all) {
  if (shards_needed_.empty()) return;
  // Whatever is thrown leaves nothing known.
  auto known = std::exchange(known_, {});
  if ((all_known(known) && commit_by_known(connection, known, judge_all)) ||
      commit_under_locks(connection, known, judge_all)) {
    tell(known);
    known_ = std::move(known);
  }
}

void postgres_batch::begin_anew() {
  shards_.clear();
  positions_.clear();
  entities_.clear();
  holders_.clear();
  changed_.clear();
  records_.clear();
  new_keys_.clear();
}

// --- By what is known ---

bool postgres_batch::all_known(const postgres_known& known) const {
  return !claims_ && !in_doubt_ && std::all_of(shards_needed_.begin(), shards_needed_.end(), [&](auto shard) {
    return known.shard(shard).has_value();
  });
}

/// Whether it is done; if not, it has left no trace.
bool postgres_batch::commit_by_known(postgres_connection& connection, postgres_known& known,
                                     const std::function<void()>& judge_all) {
  begin_anew();
  for (const auto shard : shards_needed_) {
    shards_[shard] = *known.shard(shard);
    positions_[shard] = shards_[shard].last_position;
  }
  std::vector<entity_id> unknown;
  for (const auto entity : entities_needed_) {
    if (const auto state = known.entity(entity)) {
      entities_[entity] = {state->last_sequence, state->listed};
    } else {
      unknown.push_back(entity);
    }
  }
  look_up(connection, unknown);
  judge_all();
  // Refusals hold whoever has written since: epochs, sequences and the holders of keys only grow.
  if (changed_.empty()) return true;
  in_doubt_ = true;
  try {
    write(connection, {{begin_batch}, move_request()});
    return true;
  } catch (const postgres_failure& failure) {
    if (failure.state() != another_owner_has_written) throw;
  }
  connection.ask({roll_back});
  in_doubt_ = false;
  known = {};
  return false;
}

/// Without locks: whether what is read goes with the shards as they are known is found out by the write.
void postgres_batch::look_up(postgres_connection& connection, const std::vector<entity_id>& entities) {
  std::vector<postgres_request> requests;
  add_look_up(requests, entities);
  if (!requests.empty()) take_looked_up(connection.exchange(requests), 0, entities);
}

void postgres_batch::add_look_up(std::vector<postgres_request>& requests,
                                 const std::vector<entity_id>& entities) const {
  if (!entities.empty()) requests.push_back({find_sequences, postgres_values().numbers(entities)});
  if (keys_needed_.empty()) return;
  std::vector<std::uint64_t> shards;
  std::vector<std::string_view> keys;
  for (const auto& [shard, key] : keys_needed_) {
    shards.push_back(shard);
    keys.push_back(key);
  }
  requests.push_back({find_keys, postgres_values().numbers(shards).byte_strings(keys)});
}

void postgres_batch::take_looked_up(const std::vector<postgres_rows>& answers, std::size_t first,
                                    const std::vector<entity_id>& entities) {
  if (!entities.empty()) {
    const auto& rows = answers.at(first++);
    for (std::size_t row = 0; row < rows.count(); ++row) {
      entities_[rows.number(row, 0)] = {rows.number(row, 1), std::nullopt};
    }
  }
  if (keys_needed_.empty()) return;
  const auto& rows = answers.at(first);
  for (std::size_t row = 0; row < rows.count(); ++row) {
    const auto key = rows.bytes(row, 1);
    const auto needed = keys_needed_.find({static_cast<shard_id>(rows.number(row, 0)), key});
    holders_[*needed] = {rows.number(row, 2), rows.number(row, 3)};
  }
}

// --- Under locks ---

/// Whether what is in memory is what it wrote; not where it found that it had landed before.
bool postgres_batch::commit_under_locks(postgres_connection& connection, postgres_known& known,
                                        const std::function<void()>& judge_all) {
  const std::vector<entity_id> entities(entities_needed_.begin(), entities_needed_.end());
  std::vector<postgres_request> requests{{begin_batch}, lock_request()};
  if (in_doubt_) {
    const auto& first = records_.front();
    requests.push_back({find_batch, postgres_values().number(first.entry->shard).number(first.at)});
  }
  const auto looked_up = requests.size();
  add_look_up(requests, entities);
  const auto answers = connection.exchange(requests);
  if (in_doubt_ && answers.at(2).count() == 1 && answers.at(2).number(0, 0) == number_) {
    // This waits for all that was committed before, so that what was found is as durable as the settings of
    // the server promise.
    check_commit(connection, connection.ask({commit_batch}));
    return false;
  }
  begin_anew();
  read_shards(answers.at(1));
  for (const auto& [shard, state] : shards_) known.read(shard, state);
  take_looked_up(answers, looked_up, entities);
  judge_all();
  // From the first byte of it on. Without a record nothing is in doubt that matters: a claim may be made
  // twice, its second epoch is as good.
  in_doubt_ = !records_.empty();
  std::vector<postgres_request> writes;
  if (!changed_.empty()) writes.push_back(shards_request());
  write(connection, std::move(writes));
  return true;
}

void postgres_batch::read_shards(const postgres_rows& rows) {
  for (std::size_t row = 0; row < rows.count(); ++row) {
    shards_[static_cast<shard_id>(rows.number(row, 0))] = {rows.number(row, 1), rows.number(row, 2),
                                                           rows.number(row, 3), rows.number(row, 4)};
  }
  if (shards_.size() != shards_needed_.size()) {
    throw postgres_failure(postgres_failure::kind::lasting, "its table of shards lacks rows");
  }
}

/// With what goes before the records.
void postgres_batch::write(postgres_connection& connection, std::vector<postgres_request> requests) {
  if (!records_.empty()) requests.push_back(records_request());
  add_key_request(requests);
  add_unfinished_requests(requests);
  requests.push_back({commit_batch});
  const auto answers = connection.exchange(requests);
  check_commit(connection, answers.back());
}

void postgres_batch::tell(postgres_known& known) const {
  for (const auto& [shard, state] : shards_) known.written(shard, state);
  for (const auto& record : records_) {
    const auto& state = entities_.at(record.entry->entity);
    known.written(record.entry->entity, {state.last_sequence, state.unfinished});
  }
}

// --- Judging ---

shard_claim postgres_batch::claim(shard_id shard) {
  auto& state = shards_.at(shard);
  ++state.owner_epoch;
  changed_.insert(shard);
  return {shard, state.owner_epoch, state.last_position, state.last_entity, state.counter};
}

append_verdict postgres_batch::append(const journal_entry& entry) {
  auto verdict = judge(entry, *this);
  if (verdict.status != append_status::appended) return verdict;
  changed_.insert(entry.shard);
  auto& shard = shards_.at(entry.shard);
  verdict.at = ++shard.last_position;
  shard.last_entity = std::max(shard.last_entity, entry.entity);
  if (entry.counter) shard.counter = *entry.counter;
  auto& entity = entities_[entry.entity];
  entity.last_sequence += entry.event_count;
  entity.unfinished = entry.unfinished;
  records_.push_back({&entry, verdict.at});
  if (entry.key) {
    const key_name name{entry.shard, entry.key->key};
    if (holders_.emplace(name, key_holder{entry.entity, entry.key->fingerprint}).second)
      new_keys_.push_back(name);
  }
  return verdict;
}

std::optional<key_holder> postgres_batch::holder_of(shard_id shard, std::string_view key) const {
  const auto found = holders_.find({shard, key});
  return found == holders_.end() ? std::nullopt : std::optional(found->second);
}

std::uint64_t postgres_batch::last_sequence_of(entity_id entity) const {
  const auto found = entities_.find(entity);
  return found == entities_.end() ? 0 : found->second.last_sequence;
}

postgres_request postgres_batch::lock_request() const {
  return {lock_shards, postgres_values().numbers({shards_needed_.begin(), shards_needed_.end()})};
}

postgres_request postgres_batch::move_request() const {
  std::vector<std::uint64_t> known_positions;
  for (const auto shard : changed_) known_positions.push_back(positions_.at(shard));
  return {move_shards, changed_shards().numbers(known_positions)};
}

postgres_request postgres_batch::shards_request() const {
  return {put_shards, changed_shards()};
}

postgres_values postgres_batch::changed_shards() const {
  std::vector<std::uint64_t> shards, epochs, counters, positions, entities;
  for (const auto shard : changed_) {
    const auto& state = shards_.at(shard);
    shards.push_back(shard);
    epochs.push_back(state.owner_epoch);
    counters.push_back(state.counter);
    positions.push_back(state.last_position);
    entities.push_back(state.last_entity);
  }
  return postgres_values().numbers(shards).numbers(epochs).numbers(counters).numbers(positions).numbers(
      entities);
}

postgres_request postgres_batch::records_request() const {
  std::vector<std::uint64_t> shards, positions, entities, sequences, counts;
  std::vector<std::string_view> bytes;
  for (const auto& [entry, at] : records_) {
    shards.push_back(entry->shard);
    positions.push_back(at);
    entities.push_back(entry->entity);
    sequences.push_back(entry->expected_sequence + 1);
    counts.push_back(entry->event_count);
    bytes.push_back(entry->record);
  }
  return {add_records, postgres_values()
                           .numbers(shards)
                           .numbers(positions)
                           .numbers(entities)
                           .numbers(sequences)
                           .numbers(counts)
                           .byte_strings(bytes)
                           .number(number_)};
}

void postgres_batch::add_key_request(std::vector<postgres_request>& requests) const {
  if (new_keys_.empty()) return;
  std::vector<std::uint64_t> shards, entities, fingerprints;
  std::vector<std::string_view> keys;
  for (const auto& name : new_keys_) {
    const auto& holder = holders_.at(name);
    shards.push_back(name.first);
    keys.push_back(name.second);
    entities.push_back(holder.entity);
    fingerprints.push_back(holder.fingerprint);
  }
  requests.push_back(
      {add_keys,
       postgres_values().numbers(shards).byte_strings(keys).numbers(entities).numbers(fingerprints)});
}

/// By what each entity is after the batch: most come and go within a few batches.
void postgres_batch::add_unfinished_requests(std::vector<postgres_request>& requests) const {
  std::set<entity_id> written;
  for (const auto& record : records_) written.insert(record.entry->entity);
  std::vector<std::uint64_t> on_shards, on, off_shards, off;
  for (const auto entity : written) {
    const auto& state = entities_.at(entity);
    if (state.listed == state.unfinished) continue;
    if (state.unfinished) {
      on_shards.push_back(shard_of(entity));
      on.push_back(entity);
    } else {
      off_shards.push_back(shard_of(entity));
      off.push_back(entity);
    }
  }
  if (!on.empty()) requests.push_back({add_unfinished, postgres_values().numbers(on_shards).numbers(on)});
  if (!off.empty())
    requests.push_back({remove_unfinished, postgres_values().numbers(off_shards).numbers(off)});
}

}  // namespace holdfast::storage
