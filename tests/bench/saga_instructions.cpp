// Runs whole sagas, and nothing else, so that their instructions can be counted:
//
//   valgrind --tool=callgrind --toggle-collect='counted_sagas*' build/tests/saga_instructions place 4096
//   callgrind_annotate --inclusive=yes callgrind.out.PID
//
// divided by the count are those of one placement, or with `cancel` of one cancellation, of placements that
// are not counted. The engine runs on one thread and virtual time over journals in memory, 64 customers at
// once. The provider answers as soon as it may, or with `sandbox` behind the count is the one in the process.
//
// Where they go, by callgrind's inclusive totals of these functions:
//
// - decide, evolve: domain::decide, domain::apply
// - encode: storage::encode_events, storage::decode_reservation_events, storage::decode_receipt_events
// - append: memory_journal::store::append, which is the harness's: RocksDB has another cost
// - project: projector_state::add, write_waiting; memory_view_writer::write is the harness's
// - spawn and end: caf::local_actor::spawn, launch, activate without its handlers, request_deletion
// - messages: caf::scheduled_actor::resume without its handlers, enqueue, make_message
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "payments/sandbox_provider.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/virtual_engine.hpp"

namespace {

using namespace holdfast;

/// Customers who wait at once, as many as `scripts/bench` has connections.
constexpr std::size_t customers = 64;

/// Captures and refunds everything, and remembers nothing.
class willing_provider final : public payments::provider {
 public:
  void charge(payments::charge_request request, std::function<void(payments::charge_answer)> done) override {
    done({payments::charge_status::captured, "pi_" + std::to_string(request.reservation) + "_1", {}});
  }
  void settle(payments::settle_request, std::function<void(payments::settle_answer)> done) override {
    done({payments::settle_status::not_charged, {}, {}});
  }
  void refund(payments::refund_request request, std::function<void(payments::refund_answer)> done) override {
    done({payments::refund_status::refunded, "re_" + std::to_string(request.reservation) + "_1", {}});
  }
  void close() override {}
};

/// For the time between two rounds: the view's interval, the shards' waits.
constexpr std::chrono::milliseconds between_rounds{50};

std::vector<domain::reservation_id> place(testing::virtual_engine& engine, std::size_t count) {
  std::vector<domain::reservation_id> placed;
  while (placed.size() < count) {
    std::vector<std::shared_ptr<std::optional<actors::placement_answer>>> answers;
    for (std::size_t i = 0; i < customers; ++i) answers.push_back(engine.place(testing::a_placement()));
    engine.advance(between_rounds);
    for (const auto& answer : answers) {
      if (!*answer || (*answer)->status != actors::placement_status::decided) std::abort();
      placed.push_back((*answer)->id);
    }
  }
  return placed;
}

std::size_t cancel(testing::virtual_engine& engine, const std::vector<domain::reservation_id>& placed) {
  for (std::size_t begin = 0; begin < placed.size(); begin += customers) {
    std::vector<std::shared_ptr<std::optional<actors::cancellation_answer>>> answers;
    for (std::size_t i = 0; i < customers; ++i) answers.push_back(engine.cancel(placed[begin + i]));
    engine.advance(between_rounds);
    for (const auto& answer : answers) {
      if (!*answer || (*answer)->status != actors::cancellation_status::done) std::abort();
    }
  }
  return placed.size();
}

}  // namespace

extern "C" [[gnu::noinline]] std::size_t counted_sagas(testing::virtual_engine& engine, std::size_t count,
                                                       const std::vector<domain::reservation_id>* to_cancel) {
  return to_cancel != nullptr ? cancel(engine, *to_cancel) : place(engine, count).size();
}

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  const auto count = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 0;
  if ((what != "place" && what != "cancel") || count == 0) {
    std::fprintf(stderr, "usage: saga_instructions place|cancel COUNT [sandbox]\n");
    return 2;
  }
  const testing::temporary_folder folder;
  std::unique_ptr<payments::provider> provider = std::make_unique<willing_provider>();
  if (argc > 3) {
    payments::sandbox_options options;
    options.folder = folder.path();
    provider = std::make_unique<payments::sandbox_provider>(std::move(options));
  }
  testing::virtual_engine engine(provider.get());
  // The first ones grow queues and tables that the others find.
  place(engine, 1024);
  std::vector<domain::reservation_id> to_cancel;
  if (what == "cancel") to_cancel = place(engine, count);
  const auto done = counted_sagas(engine, count, what == "cancel" ? &to_cancel : nullptr);
  std::printf("%zu\n", done);
}
