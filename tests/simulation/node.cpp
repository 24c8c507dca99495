#include "tests/simulation/node.hpp"

#include <caf/send.hpp>
#include <stdexcept>
#include <utility>

#include "actors/type_registry.hpp"

namespace holdfast::simulation {

namespace {

/// What the engine's clock says at moment 0.
constexpr std::chrono::milliseconds wall_clock_epoch{1'795'000'000'000};
constexpr std::size_t all_parked = 10'000;
/// An actor dies of its clock far less often than a port fails: everybody asks for the time.
constexpr std::uint32_t clock_fails_percent = 3;

}  // namespace

node::node(world& in, simulated_journal& reservations, simulated_journal& receipts, simulated_view& view,
           simulated_provider& provider)
    : world_(in), reservations_(reservations), receipts_(receipts), view_(view), provider_(provider) {}

node::~node() {
  crash();
}

// --- Start and end ---

actors::engine_ports node::ports() {
  return {reservations_,
          receipts_,
          view_,
          *progress_,
          provider_,
          [this] { return tell_time(); },
          [this](domain::timestamp paid_at) { return tell_delivery_date(paid_at); },
          [this](std::string message) {
            world_.trace([&] { return "engine has to end: " + message; });
            failed_ = true;
          }};
}

void node::start() {
  world_.trace([] { return std::string("engine starts"); });
  failed_ = false;
  config_ = std::make_unique<caf::actor_system_config>();
  actors::register_messages(*config_);
  config_->set("scheduler.policy", caf::atom("testing"));
  system_ = std::make_unique<caf::actor_system>(*config_);
  started_at_ = world_.now();
  clock_started_at_ = coordinator().clock().now();
  progress_ = std::make_unique<storage::projection_progress>();
  actors::engine_options options;
  options.payment_wait = world_.drawn.payment_wait;
  options.cancel_wait = world_.drawn.cancel_wait;
  options.view_interval = world_.drawn.view_interval;
  options.shards = world_.drawn.bounds;
  around_ = std::make_shared<actors::surroundings>(actors::surroundings{ports(), options});
  front_ = system_->spawn(
      actors::engine_front, actors::surroundings_ptr(around_), actors::started_callback([this](auto started) {
        if (going_down_) return;
        failed_ = !started;
        if (failed_) return;
        world_.trace([] { return std::string("engine serves"); });
        router_.emplace(std::move(*started));
        reader_ = std::make_shared<http::reservation_reader>(view_, reservations_, *progress_, loop_);
      }));
}

void node::crash() {
  if (!system_) return;
  world_.trace([] { return std::string("engine crashes"); });
  going_down_ = true;
  provider_.ignore_calls(true);
  // What is on its way to a port reaches it, or not, before the actors that asked are gone.
  provider_.crash();
  reservations_.crash();
  receipts_.crash();
  view_.crash();
  world_.lose_engine_steps();
  caf::anon_send_exit(front_, caf::exit_reason::user_shutdown);
  front_ = nullptr;
  router_.reset();
  reader_.reset();
  while (ready() > 0) run(0);
  // Whatever the actors asked of the ports on their way down was never asked.
  reservations_.forget();
  receipts_.forget();
  view_.forget();
  world_.lose_engine_steps();
  loop_.poll();
  around_.reset();
  system_.reset();
  progress_.reset();
  provider_.ignore_calls(false);
  going_down_ = false;
}

// --- The schedule ---

caf::scheduler::test_coordinator& node::coordinator() {
  return static_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
}

std::size_t node::ready() {
  return system_ ? coordinator().jobs.size() : 0;
}

void node::run(std::size_t which) {
  auto& jobs = coordinator().jobs;
  std::swap(jobs.front(), jobs.at(which));
  coordinator().run_once();
}

std::optional<moment> node::next_due() {
  if (!system_) return std::nullopt;
  const auto& schedule = coordinator().clock().schedule();
  if (schedule.empty()) return std::nullopt;
  const auto due = schedule.begin()->first - clock_started_at_;
  return started_at_ + std::chrono::ceil<std::chrono::microseconds>(due).count();
}

void node::advance_to(moment later) {
  if (!system_) return;
  const auto to = clock_started_at_ + std::chrono::microseconds(later - started_at_);
  coordinator().advance_time(to - coordinator().clock().now());
}

// --- Customers and operators ---

void node::place(actors::placement_request request, std::function<void(actors::placement_answer)> done) {
  router_->place(std::move(request), std::move(done));
}

void node::cancel(domain::reservation_id id, std::function<void(actors::cancellation_answer)> done) {
  router_->cancel({id, domain::cancel_reason::customer}, std::move(done));
}

void node::read(domain::reservation_id id, std::function<void(http::read_answer)> done) {
  reader_->get(id, std::move(done));
}

void node::list(storage::view_callback<storage::view_page> done) {
  view_.list({}, std::move(done));
}

std::vector<domain::reservation_id> node::parked() const {
  std::vector<domain::reservation_id> ids;
  if (!around_) return ids;
  for (const auto& one : around_->parked->read(all_parked).first) ids.push_back(one.id);
  return ids;
}

// --- Time ---

domain::timestamp node::wall_clock() const {
  return domain::timestamp(wall_clock_epoch + std::chrono::milliseconds(world_.now() / millisecond) +
                           clock_offset_);
}

domain::timestamp node::tell_time() {
  if (!going_down_ && world_.random.chance(clock_fails_percent) && world_.strikes(fault::actor_dies, "")) {
    throw std::runtime_error("the clock failed");
  }
  return wall_clock();
}

domain::zoned_timestamp node::tell_delivery_date(domain::timestamp paid_at) {
  if (!going_down_ && world_.strikes(fault::desk_dies, "")) throw std::runtime_error("the calendar failed");
  return {paid_at + std::chrono::days(21), std::chrono::minutes(540)};
}

}  // namespace holdfast::simulation
