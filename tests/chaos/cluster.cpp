#include "tests/chaos/cluster.hpp"

#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "storage/postgres_journal.hpp"
#include "tests/chaos/append_watch.hpp"
#include "tests/chaos/evidence.hpp"
#include "tests/chaos/shop.hpp"
#include "tests/proof/canaries.hpp"

namespace holdfast::chaos {

namespace {

using namespace std::chrono_literals;

constexpr const char* subnet = "10.99.0.";
constexpr const char* customers_address = "10.99.0.1";
constexpr std::uint16_t port_for_customers = 8088;
constexpr std::uint16_t port_for_nodes = 9088;
constexpr const char* database = "chaos";
constexpr const char* schemas[] = {"holdfast_reservations", "holdfast_receipts"};

constexpr int killed = 128 + SIGKILL;
/// Of a node whose journal is not there when it starts; one that serves waits for it.
constexpr int failed = 1;
/// Calls are tried again for a while before anybody gives up.
constexpr auto may_fail_for = 30s;
/// One that is told to end gives its shards away, answers what is under way, and ends.
constexpr auto ends_within = 20s;
constexpr auto between_two_starts = 200ms;

/// What the provider does all the time.
constexpr const char* provider_on_a_bad_day =
    R"({"latency":"0ms-10ms","declineRate":0.05,"failRate":0.02,"hangAfterChargeRate":0.02,)"
    R"("landsLateRate":0.02,"landsLateAfter":"200ms","forgetKeysRate":0.1,"refundFailures":1})";

std::string name_of_node(std::size_t node) {
  return "node-" + std::to_string(node + 1);
}

}  // namespace

std::string address_of(shared_service which) {
  return subnet + std::to_string(2 + static_cast<int>(which));
}

std::string cluster_network::address(std::size_t node) {
  return subnet + std::to_string(11 + node);
}

cluster_network::cluster_network() {
  const auto make = std::string(HOLDFAST_SOURCE_DIR "/scripts/certs ") + certificates_.path().string();
  if (std::system((make + " node >/dev/null").c_str()) != 0) throw std::runtime_error("no certificates");
  make_bridge({customers_address, address_of(shared_service::postgres), address_of(shared_service::redis),
               address_of(shared_service::provider)});
  for (std::size_t node = 0; node < cluster_size; ++node)
    hosts_.push_back(std::make_unique<own_host>(name_of_node(node), address(node)));
}

cluster::cluster(std::uint64_t seed, cluster_network& network, recorder& into)
    : into_(into),
      network_(network),
      postgres_(address_of(shared_service::postgres), std::string(subnet) + "0/24"),
      redis_(address_of(shared_service::redis)),
      provider_({"--seed", std::to_string(seed >> 1)}, ledger_.path(), address_of(shared_service::provider)) {
  testing::run_sql(postgres_.url("postgres"), std::string("CREATE DATABASE ") + database);
  for (const std::string schema : schemas) {
    auto opened = storage::postgres_journal::open({.url = postgres_.url(database), .schema = schema});
    if (!opened) throw std::runtime_error(opened.error().message);
    journals_[schema] = std::move(*opened);
  }
  watch_appends(postgres_.url(database), {std::begin(schemas), std::end(schemas)});
  provider_.control(provider_on_a_bad_day);
  for (std::size_t number = 0; number < cluster_size; ++number) {
    auto& one = nodes_[number];
    one.door.address = cluster_network::address(number);
    one.door.port = port_for_customers;
    one.door.node = name_of_node(number);
    one.door.key = key_;
    put_cuts(number);
    start(one, number);
  }
}

cluster::~cluster() = default;

fronts cluster::doors() const {
  fronts all;
  for (const auto& one : nodes_) all.push_back(&one.door);
  return all;
}

// --- Nodes ---

void cluster::start(node& one, std::size_t number) {
  const auto address = cluster_network::address(number);
  const auto& pem = network_.certificates();
  const std::vector<std::string> arguments{"serve",
                                           "--listen",
                                           address + ":" + std::to_string(port_for_customers),
                                           "--auth",
                                           "keys",
                                           "--auth-keys",
                                           keys_.path(),
                                           "--node-listen",
                                           address + ":" + std::to_string(port_for_nodes),
                                           "--node-certificate",
                                           pem / "node.pem",
                                           "--node-key",
                                           pem / "node.key",
                                           "--node-authority",
                                           pem / "authority.pem",
                                           "--lease",
                                           std::to_string(chaos_lease.count()) + "ms",
                                           "--data",
                                           one.data.path().string(),
                                           "--journal",
                                           postgres_.url_of_address(database),
                                           "--view",
                                           redis_.url(),
                                           "--events",
                                           redis_.url(),
                                           "--payment",
                                           provider_.url(),
                                           "--payment-timeout",
                                           "150ms",
                                           "--payment-wait",
                                           "400ms",
                                           "--threads",
                                           "2"};
  ++one.starts;
  one.ready = false;
  one.expected.clear();
  network_.host(number).inside([&] { one.process = std::make_unique<testing::process>(arguments); });
}

void cluster::tend() {
  for (std::size_t number = 0; number < cluster_size; ++number) tend(nodes_[number], number);
}

void cluster::tend(node& one, std::size_t number) {
  if (!one.process) {
    if (!one.held && clock::now() >= one.start_at) start(one, number);
    return;
  }
  if (one.process->has_ended()) return look_into_end(one, one.process->wait_for_exit());
  one.ready = one.ready || one.process->has_line();
  if (one.expected.contains(0) && clock::now() > one.end_by && !one.paused) {
    into_.complain(one.door.node + " was told to end, and does not: " + one.process->errors());
    kill(number);
  }
}

void cluster::look_into_end(node& one, int code) {
  one.ready = one.ready || one.process->has_line();
  const bool without_journal = code == failed && !one.ready && clock::now() < one.may_fail_until;
  if (without_journal) {
    ++starts_in_vain_;
  } else if (!one.expected.contains(code)) {
    into_.complain(one.door.node + " ended with " + std::to_string(code) +
                   ", which nobody asked for: " + one.process->errors());
  }
  one.log += one.process->errors();
  one.process.reset();
  one.ready = one.paused = false;
  one.start_at = clock::now() + between_two_starts;
}

void cluster::kill(std::size_t number) {
  auto& one = nodes_[number];
  if (!one.process) return;
  one.expected.insert(killed);
  one.process->send(SIGKILL);
  look_into_end(one, one.process->wait_for_exit());
}

void cluster::tell_to_end(std::size_t number) {
  auto& one = nodes_[number];
  // Told twice, it ends at once.
  if (!one.process || one.expected.contains(0)) return;
  // Before it has caught the signal, that ends it.
  if (!one.ready) one.expected.insert(128 + SIGTERM);
  one.expected.insert(0);
  one.end_by = clock::now() + ends_within;
  one.process->send(SIGTERM);
}

void cluster::pause(std::size_t number) {
  auto& one = nodes_[number];
  if (!one.process) return;
  one.paused = true;
  one.process->send(SIGSTOP);
}

void cluster::resume(std::size_t number) {
  auto& one = nodes_[number];
  if (!one.process) return;
  if (std::exchange(one.paused, false)) one.end_by = clock::now() + ends_within;
  one.process->send(SIGCONT);
}

bool cluster::is_ready(std::size_t number) {
  return nodes_[number].process && nodes_[number].ready;
}

// --- The network ---

void cluster::add(const cuts& more) {
  for (const auto& [number, cuts] : more) {
    auto& one = nodes_[number];
    one.cuts.insert(cuts.begin(), cuts.end());
    put_cuts(number);
    const auto postgres = address_of(shared_service::postgres);
    if (std::ranges::any_of(cuts, [&](const auto& each) { return each.address == postgres; }))
      one.may_fail_until = clock::time_point::max();
  }
}

void cluster::lift(const cuts& gone) {
  for (const auto& [number, cuts] : gone) {
    auto& one = nodes_[number];
    for (const auto& each : cuts) one.cuts.erase(one.cuts.find(each));
    put_cuts(number);
    if (one.may_fail_until == clock::time_point::max()) one.may_fail_until = clock::now() + may_fail_for;
  }
}

void cluster::put_cuts(std::size_t number) {
  const auto& cuts = nodes_[number].cuts;
  network_.host(number).set_cuts({cuts.begin(), cuts.end()});
}

// --- What they share ---

void cluster::disturb_journals() {
  for (auto& one : nodes_) one.may_fail_until = std::max(one.may_fail_until, clock::now() + may_fail_for);
}

void cluster::stop_postgres() {
  postgres_is_up_ = false;
  postgres_.end(SIGQUIT);
  disturb_journals();
}

void cluster::start_postgres() {
  postgres_.start();
  postgres_is_up_ = true;
  disturb_journals();
}

void cluster::pause_postgres() {
  postgres_is_up_ = false;
  postgres_.freeze();
  disturb_journals();
}

void cluster::resume_postgres() {
  postgres_.thaw();
  postgres_is_up_ = true;
  disturb_journals();
}

void cluster::terminate_backends() {
  disturb_journals();
  testing::run_sql(postgres_.url("postgres"),
                   "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                   "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
}

std::string cluster::sql(const std::string& statements) const {
  return testing::run_sql(postgres_.url(database), statements);
}

// --- The end ---

testing::http_client cluster::client_of(std::size_t number) const {
  testing::http_client client(port_for_customers, nodes_[number].door.address);
  client.identify_by(key_);
  return client;
}

int cluster::figure(std::size_t number, const std::string& name) const {
  const auto health = client_of(number).get("/actuator/health");
  return std::stoi(testing::json_at(health, "/components/cluster/details/" + name));
}

/// Asks it to cancel what nobody has ever placed, on many shards: who owns them says so.
bool cluster::answers_for_all(std::size_t number) const {
  constexpr std::uint64_t beyond_all = 1'000'000'000;
  constexpr storage::shard_id step = 8;
  auto client = client_of(number);
  for (storage::shard_id shard = 0; shard < storage::shard_count; shard += step) {
    const auto id = storage::id_of(shard, beyond_all);
    if (client.del("/preReservations/" + std::to_string(id)).status != 404) return false;
  }
  return true;
}

bool cluster::is_whole() {
  tend();
  int owned = 0;
  try {
    for (std::size_t number = 0; number < cluster_size; ++number) {
      if (!is_ready(number)) return false;
      if (figure(number, "members") != static_cast<int>(cluster_size)) return false;
      if (figure(number, "shardsWithoutOwner") != 0) return false;
      if (client_of(number).get("/actuator/health").status != 200) return false;
      owned += figure(number, "shardsOwned");
    }
  } catch (const std::exception&) {
    // One that has just ended, or does not know yet.
    return false;
  }
  if (owned != static_cast<int>(storage::shard_count)) return false;
  for (std::size_t number = 0; number < cluster_size; ++number) {
    if (!answers_for_all(number)) return false;
  }
  return true;
}

bool cluster::serves_all() {
  // The journal's own list of what is unfinished costs less than all of its records.
  return is_whole() && sql("SELECT count(*) FROM holdfast_reservations.unfinished") == "0";
}

void cluster::end_all() {
  for (std::size_t number = 0; number < cluster_size; ++number) {
    hold_down(number, true);
    tell_to_end(number);
  }
  testing::eventually(
      [&] {
        tend();
        return std::ranges::none_of(nodes_, [](const auto& one) { return one.process != nullptr; });
      },
      ends_within + 5s);
}

std::vector<proof::journal_line> cluster::journal(const std::string& name) {
  const auto schema = "holdfast_" + name;
  auto all = read_journal(*journals_.at(schema));
  add_epochs(postgres_.url(database), schema, all);
  return all;
}

std::vector<proof::reservation_id> cluster::parked() {
  std::vector<proof::reservation_id> all;
  for (std::size_t number = 0; number < cluster_size; ++number) {
    auto asking = client_of(number);
    const auto of_one = read_parked(asking);
    all.insert(all.end(), of_one.begin(), of_one.end());
  }
  return all;
}

std::vector<proof::canary_search> cluster::canaries() {
  std::vector<proof::canary_search> all{search_folder(postgres_.data(), canary_card)};
  for (const auto& one : nodes_) {
    all.push_back(search_folder(one.data.path(), canary_card));
    const auto log = one.log + (one.process ? one.process->errors() : "");
    all.push_back(proof::search_text("the log of " + one.door.node, log, canary_card));
  }
  return all;
}

void cluster::look_further() {
  if (!serves_all()) into_.complain("a node is not there, a shard has no owner or something is unfinished");
  if (const auto broken = broken_fences(postgres_.url(database)); !broken.empty())
    into_.complain("appends break the fence:\n" + broken);
}

std::string cluster::keep_logs(const std::string& stem) {
  std::string lines;
  for (const auto& one : nodes_) {
    const auto path = stem + "-" + one.door.node + ".log";
    std::ofstream(path) << one.log << (one.process ? one.process->errors() : "");
    lines += "log: " + path + "\n";
  }
  return lines;
}

}  // namespace holdfast::chaos
