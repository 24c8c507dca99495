// The journal writer by itself, on virtual time: which of an entity's appends stand when an earlier one is
// refused, and which are put off.
#include <doctest/doctest.h>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "actors/journal_writer.hpp"
#include "actors/type_registry.hpp"
#include "storage/memory_journal.hpp"
#include "tests/support/virtual_engine.hpp"

using namespace holdfast;
using storage::append_status;
using testing::job;

namespace {

constexpr storage::entity_id entity = 1;

class writer_rig {
 public:
  writer_rig() {
    config_.set("scheduler.policy", caf::atom("testing"));
    system_ = std::make_unique<caf::actor_system>(config_);
    const actors::engine_ports ports{journal,
                                     journal,
                                     view_,
                                     progress_,
                                     provider_,
                                     [] { return domain::timestamp(); },
                                     [](domain::timestamp at) {
                                       return domain::zoned_timestamp{at, {}};
                                     },
                                     [](std::string message) { FAIL(message); }};
    around_ = std::make_shared<actors::surroundings>(actors::surroundings{ports, options_});
    writer_ = system_->spawn(actors::journal_writer, actors::surroundings_ptr(around_), &journal,
                             &around_->meters->reservations, intake_, actors::projector_actor{});
    intake_->open(writer_);
    asker_ = system_->spawn([this](caf::event_based_actor* self) -> caf::behavior {
      self->set_default_handler(caf::drop);
      return {[this](const actors::append_ended& what) {
                verdicts[names_.at(what.ticket)] = what.verdict.value().status;
              },
              [this](const actors::entity_settled& what) { settled.push_back(what.entity); },
              [this, self](const actors::settle_entity& what) { self->send(writer_, what); }};
    });
    journal.claim({0}, [this](auto claims) { epoch_ = claims.value().front().owner_epoch; });
    run();
  }
  ~writer_rig() {
    caf::anon_send_exit(writer_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(asker_, caf::exit_reason::user_shutdown);
    writer_ = nullptr;
    asker_ = nullptr;
    intake_->open({});
    run();
    around_.reset();
    system_.reset();
  }

  /// One event behind `expected` others; the name is for its verdict.
  void append(const std::string& name, std::uint64_t expected, bool on_open_appends, bool awaited = true,
              storage::entity_id of = entity) {
    actors::append_entry what;
    what.entry.shard = 0;
    what.entry.owner_epoch = epoch_;
    what.entry.entity = of;
    what.entry.expected_sequence = expected;
    what.entry.event_count = 1;
    what.entry.record = name;
    what.on_open_appends = on_open_appends;
    what.awaited = awaited;
    what.asker = asker_;
    what.ticket = names_.size();
    names_.push_back(name);
    intake_->add(std::move(what));
    while (coordinator().try_run_once()) {
    }
  }
  void settle(storage::entity_id which) {
    caf::anon_send(asker_, actors::settle_entity{which});
    while (coordinator().try_run_once()) {
    }
  }
  void run() {
    do {
      while (coordinator().try_run_once()) {
      }
      if (jobs_.empty()) return;
      auto next = std::move(jobs_.front());
      jobs_.pop_front();
      next();
    } while (true);
  }
  /// The journal is through with the batch under way, and has the next one.
  void finish_batch() {
    REQUIRE(jobs_.size() == 1);
    auto batch = std::move(jobs_.front());
    jobs_.pop_front();
    batch();
    while (coordinator().try_run_once()) {
    }
  }
  void advance(std::chrono::milliseconds by) {
    coordinator().advance_time(by);
    run();
  }
  std::vector<std::string> stored() {
    std::vector<std::string> records;
    journal.read_entity(entity, [&](auto read) {
      for (const auto& one : read.value()) records.push_back(one.record);
    });
    run();
    return records;
  }

  std::map<std::string, append_status> verdicts;
  std::vector<storage::entity_id> settled;

 private:
  caf::scheduler::test_coordinator& coordinator() {
    return dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
  }

  std::deque<job> jobs_;
  storage::memory_journal journal{[this](job next) { jobs_.push_back(std::move(next)); }, "journal"};
  testing::memory_view_writer view_{jobs_};
  testing::scripted_provider provider_{jobs_};
  storage::projection_progress progress_;
  storage::epoch epoch_ = 0;
  const actors::engine_options options_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::shared_ptr<actors::surroundings> around_;
  actors::journal_intake_ptr intake_ = std::make_shared<actors::journal_intake>();
  actors::journal_writer_actor writer_;
  caf::actor asker_;
  std::vector<std::string> names_;
};

}  // namespace

TEST_CASE("what was decided on appends that are open is kept with them") {
  writer_rig rig;
  rig.append("first", 0, false);
  rig.append("second", 1, true);
  rig.append("third", 2, true);
  rig.run();
  CHECK(rig.stored() == std::vector<std::string>{"first", "second", "third"});
}

TEST_CASE(
    "what was decided on a refused append goes with it, although another's append has made room for it") {
  writer_rig rig;
  // One who has died has left an append behind; his follower did not know of it.
  rig.append("left behind", 0, false);
  rig.append("follower's", 0, false);
  rig.append("follower's next", 1, true);
  rig.run();
  CHECK(rig.verdicts["left behind"] == append_status::appended);
  CHECK(rig.verdicts["follower's"] == append_status::stale_sequence);
  CHECK(rig.verdicts["follower's next"] == append_status::stale_sequence);
  // Also where it comes when the refusal is known already.
  rig.append("follower's last", 1, true);
  rig.run();
  CHECK(rig.verdicts["follower's last"] == append_status::stale_sequence);
  // Who has read what there is goes on.
  rig.append("next follower's", 1, false);
  rig.append("next follower's next", 2, true);
  rig.run();
  CHECK(rig.stored() == std::vector<std::string>{"left behind", "next follower's", "next follower's next"});
}

TEST_CASE("entries on appends that are through share a batch, whatever else they were decided on") {
  constexpr auto other = entity + storage::shard_count;
  writer_rig rig;
  rig.append("first", 0, false);
  rig.append("other's first", 0, false, true, other);
  rig.append("second", 1, true);
  rig.append("other's second", 1, true, true, other);
  rig.append("third", 2, true);
  rig.finish_batch();
  rig.finish_batch();
  CHECK(rig.verdicts["other's first"] == append_status::appended);
  CHECK(rig.verdicts["second"] == append_status::appended);
  CHECK_FALSE(rig.verdicts.contains("other's second"));
  rig.finish_batch();
  CHECK(rig.verdicts["other's second"] == append_status::appended);
  CHECK(rig.verdicts["third"] == append_status::appended);
  rig.run();
  CHECK(rig.stored() == std::vector<std::string>{"first", "second", "third"});
}

TEST_CASE("what nobody waits for is put off for a moment, and goes with the first that is awaited") {
  writer_rig rig;
  rig.append("first", 0, false);
  rig.run();
  rig.append("patient", 1, false, false);
  rig.run();
  CHECK_FALSE(rig.verdicts.contains("patient"));
  rig.advance(actors::engine_options{}.journal_put_off);
  CHECK(rig.verdicts["patient"] == append_status::appended);

  rig.append("patient again", 2, false, false);
  rig.run();
  CHECK_FALSE(rig.verdicts.contains("patient again"));
  rig.append("awaited", 3, true);
  rig.run();
  CHECK(rig.stored() == std::vector<std::string>{"first", "patient", "patient again", "awaited"});
}

TEST_CASE("an entity has settled when nothing of it is on its way any more") {
  writer_rig rig;
  rig.settle(entity);
  CHECK(rig.settled == std::vector{entity});
  rig.settled.clear();
  rig.append("under way", 0, false);
  rig.append("waits", 1, true);
  rig.settle(entity);
  rig.settle(entity + 1);
  CHECK(rig.settled == std::vector{entity + 1});
  rig.run();
  CHECK(rig.settled == std::vector{entity + 1, entity});
  CHECK(rig.verdicts["waits"] == append_status::appended);
}
