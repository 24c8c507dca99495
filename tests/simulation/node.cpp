#include "tests/simulation/node.hpp"

#include <caf/logger.hpp>
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

servers::servers(world& world_of_all)
    : in(world_of_all),
      reservations(in, "reservations"),
      receipts(in, "receipts"),
      view(in),
      leases(in.drawn.lease,
             [this] { return std::chrono::steady_clock::time_point(std::chrono::microseconds(in.now())); }),
      network(in) {}

node::node(servers& all, owner of)
    : number(of),
      reservations(all.in, all.reservations, of, all.in.drawn.clustered()),
      receipts(all.in, all.receipts, of, all.in.drawn.clustered()),
      leases(all.in, all.leases, of),
      network(all.in, all.network, of),
      world_(all.in),
      view_(all.in, all.view, of),
      provider_(all.in, all.provider, of) {}

node::~node() {
  crash();
}

// --- Start and end ---

actors::engine_ports node::ports() {
  actors::engine_ports ports{reservations,
                             receipts,
                             view_,
                             *progress_,
                             provider_,
                             [this] { return tell_time(); },
                             [this](domain::timestamp paid_at) { return tell_delivery_date(paid_at); },
                             [this](std::string message) {
                               world_.trace([&] { return name_ + " has to end: " + message; });
                               failed_ = true;
                             }};
  if (world_.drawn.clustered()) ports.membership = &leases;
  return ports;
}

actors::engine_options node::options() const {
  const auto& drawn = world_.drawn;
  actors::engine_options options;
  options.payment_wait = drawn.payment_wait;
  options.cancel_wait = drawn.cancel_wait;
  options.view_interval = drawn.view_interval;
  options.shards = drawn.bounds;
  options.node.name = name_;
  if (number == drawn.nodes) options.node.roles = drawn.last_roles;
  options.node.beat_interval = drawn.beat_interval;
  options.node.hand_over_wait = drawn.hand_over_wait;
  return options;
}

void node::start() {
  name_ = "n" + std::to_string(number) + "." + std::to_string(++runs_);
  world_.trace([&] { return name_ + " starts"; });
  failed_ = false;
  config_ = std::make_unique<caf::actor_system_config>();
  actors::register_messages(*config_);
  config_->set("scheduler.policy", caf::atom("testing"));
  system_ = std::make_unique<caf::actor_system>(*config_);
  started_at_ = world_.now();
  clock_started_at_ = coordinator().clock().now();
  progress_ = std::make_unique<storage::projection_progress>([this] { return coordinator().clock().now(); });
  reservations.start(name_);
  receipts.start(name_);
  provider_.start(name_);
  network.start(*system_, name_);
  around_ = std::make_shared<actors::surroundings>(actors::surroundings{ports(), options()});
  around_->network = &network;
  front_ = system_->spawn(
      actors::engine_front, actors::surroundings_ptr(around_), actors::started_callback([this](auto started) {
        if (going_down_) return;
        failed_ = !started;
        if (failed_) return;
        world_.trace([&] { return name_ + " serves"; });
        router_.emplace(std::move(*started));
        reader_ = std::make_shared<http::reservation_reader>(view_, reservations, *progress_, loop_);
      }));
  caf::logger::set_current_actor_system(nullptr);
}

void node::crash() {
  if (!system_) return;
  world_.trace([&] { return name_ + " crashes"; });
  going_down_ = true;
  if (paused_) go_on();
  // What is on its way to a port reaches it, or not, before the actors that asked are gone.
  drop_calls();
  caf::anon_send_exit(front_, caf::exit_reason::user_shutdown);
  front_ = nullptr;
  router_.reset();
  reader_.reset();
  while (ready() > 0) run(0);
  // Whatever the actors asked of the ports on their way down was never asked.
  forget_calls();
  loop_.poll();
  around_.reset();
  system_.reset();
  progress_.reset();
  leaving_.reset();
  provider_.ignore_calls(false);
  going_down_ = false;
}

void node::drop_calls() {
  provider_.ignore_calls(true);
  provider_.crash();
  reservations.crash();
  receipts.crash();
  view_.crash();
  leases.crash();
  network.crash();
  world_.lose_steps_of(number);
}

void node::forget_calls() {
  reservations.forget();
  receipts.forget();
  view_.forget();
  leases.crash();
  world_.lose_steps_of(number);
}

void node::pause() {
  paused_ = true;
  world_.pause(number);
  network.pause();
}

void node::go_on() {
  paused_ = false;
  network.go_on();
  world_.go_on(number);
  advance_to(world_.now());
}

void node::hand_over() {
  world_.trace([&] { return name_ + " hands over"; });
  leaving_ = std::make_shared<actors::latch>();
  caf::anon_send(front_, actors::hand_over{leaving_});
}

void node::leave() {
  leases.leave(name_, [](const auto&) {});
}

// --- The schedule ---

caf::scheduler::test_coordinator& node::coordinator() {
  return static_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
}

std::size_t node::ready() {
  return system_ && !paused_ ? coordinator().jobs.size() : 0;
}

void node::run(std::size_t which) {
  auto& jobs = coordinator().jobs;
  std::swap(jobs.front(), jobs.at(which));
  coordinator().run_once();
  // Spawning leaves its system to be the thread's, and there are others.
  caf::logger::set_current_actor_system(nullptr);
}

void node::run_loop() {
  if (!paused_) loop_.poll();
}

std::optional<moment> node::next_due() {
  if (!system_ || paused_) return std::nullopt;
  const auto& schedule = coordinator().clock().schedule();
  if (schedule.empty()) return std::nullopt;
  const auto due = schedule.begin()->first - clock_started_at_;
  return started_at_ + std::chrono::ceil<std::chrono::microseconds>(due).count();
}

void node::advance_to(moment later) {
  if (!system_ || paused_) return;
  const auto to = clock_started_at_ + std::chrono::microseconds(later - started_at_);
  coordinator().advance_time(to - coordinator().clock().now());
}

// --- Customers and operators ---

/// Who asks a process that stands still waits in its sockets.
void node::when_awake(std::function<void()> ask) {
  if (!paused_) return ask();
  world_.after(0, number, std::move(ask));
}

void node::place(actors::placement_request request, std::function<void(actors::placement_answer)> done) {
  when_awake([this, request = std::move(request), done = std::move(done)]() mutable {
    router_->place(std::move(request), std::move(done));
  });
}

void node::cancel(domain::reservation_id id, std::function<void(actors::cancellation_answer)> done) {
  when_awake([this, id, done = std::move(done)]() mutable {
    router_->cancel({id, domain::cancel_reason::customer}, std::move(done));
  });
}

void node::operate(actors::operator_command what, std::function<void(actors::operation_answer)> done) {
  when_awake([this, what = std::move(what), done = std::move(done)]() mutable {
    router_->operate(std::move(what), std::move(done));
  });
}

void node::read(domain::reservation_id id, std::function<void(http::read_answer)> done) {
  when_awake([this, id, done = std::move(done)]() mutable { reader_->get(id, std::move(done)); });
}

void node::list(storage::view_callback<storage::view_page> done) {
  when_awake([this, done = std::move(done)]() mutable { view_.list({}, std::move(done)); });
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
