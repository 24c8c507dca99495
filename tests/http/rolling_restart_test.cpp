// Every node of a cluster is restarted in turn, behind HAProxy as scripts/run --nodes configures it, while
// siege places orders with as many customers as it can have: none of them notices.
#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/http_client.hpp"
#include "tests/support/program.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/reservation_story.hpp"
#include "tests/support/served_cluster.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::testing {
namespace {

constexpr int nodes_in_cluster = 3;
constexpr const char* siege_customers = "255";
/// It is ended before.
constexpr const char* longest_siege = "240S";

std::string local(std::uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

/// HAProxy in front of nodes on these ports.
class load_balancer {
 public:
  explicit load_balancer(const std::vector<std::uint16_t>& nodes) {
    std::ofstream servers(folder_ / "nodes.cfg");
    servers << "backend nodes\n";
    for (const auto port : nodes) servers << "  server node-" << port << " " << local(port) << " check\n";
    servers << "backend streams\n";
    for (const auto port : nodes) {
      servers << "  server node-" << port << " " << local(port) << " track nodes/node-" << port
              << " maxconn 256\n";
    }
    servers.close();
    program_.emplace(
        std::vector<std::string>{"/usr/sbin/haproxy", "-db", "-f", HOLDFAST_SOURCE_DIR "/scripts/haproxy.cfg",
                                 "-f", folder_ / "nodes.cfg"},
        std::vector<std::pair<std::string, std::string>>{{"PORT", std::to_string(port_)}});
  }
  std::uint16_t port() const { return port_; }
  bool serves() {
    if (program_->has_ended()) throw std::runtime_error("haproxy has ended: " + program_->output());
    try {
      return http_client(port_).get("/actuator/health/readiness").status == 200;
    } catch (const std::exception&) {
      return false;
    }
  }

 private:
  temporary_folder folder_;
  std::uint16_t port_ = free_loopback_port();
  std::optional<program> program_;
};

/// Customers who place one order after the other, without a pause.
class siege {
 public:
  explicit siege(std::uint16_t port) {
    std::ofstream(folder_ / "siegerc") << "verbose = false\nlimit = 255\nconnection = keep-alive\n"
                                          "protocol = HTTP/1.1\njson_output = true\nlogging = false\n";
    program_.emplace(std::vector<std::string>{
        "siege", "-R", folder_ / "siegerc", "-b", "-c", siege_customers, "-t", longest_siege,
        "--content-type", "application/json",
        "http://" + local(port) +
            R"(/preReservations POST {"userId":1,"price":1000,"cardNo":"4242424242424242"})"});
  }
  /// Ends it; its figures.
  rapidjson::Document end() {
    program_->end(SIGINT);
    const auto printed = program_->output();
    CAPTURE(printed);
    const auto begin = printed.rfind("{\t");
    REQUIRE(begin != std::string::npos);
    return parse_json(printed.substr(begin, printed.find('}', begin) - begin + 1));
  }

 private:
  temporary_folder folder_;
  std::optional<program> program_;
};

std::uint64_t total_of(http_client& client, const std::string& collection) {
  return std::stoull(json_at(client.document("/" + collection + "?size=1"), "/page/totalElements"));
}

/// What became of a node's calls to the provider, as it counts them.
std::string calls_of(const served_cluster& nodes, std::size_t number) {
  std::string calls;
  std::istringstream figures(nodes.client(number).get("/metrics").body);
  for (std::string line; std::getline(figures, line);) {
    if (line.starts_with("holdfast_circuit_breaker_"))
      calls += "node " + std::to_string(number) + ": " + line + "\n";
  }
  return calls;
}

TEST_CASE("readers of events behind the load balancer keep no order out") {
  constexpr int more_than_a_node_takes_at_once = 30;
  const temporary_folder folder;
  serving_process node(folder.path());
  load_balancer balancer({node.port()});
  REQUIRE(eventually([&] { return balancer.serves(); }));
  std::vector<std::unique_ptr<raw_client>> readers;
  for (int i = 0; i < more_than_a_node_takes_at_once; ++i) {
    auto& reader = *readers.emplace_back(std::make_unique<raw_client>(balancer.port()));
    reader.send("GET /events HTTP/1.1\r\nHost: shop\r\n\r\n");
    REQUIRE(reader.read_some().find("200 OK") != std::string::npos);
  }
  CHECK(http_client(balancer.port()).place(R"({"userId":1,"cardNo":"4242424242424242"})").status == 201);
}

TEST_CASE("nodes that are restarted in turn under load cost no request and no order") {
  served_cluster nodes({"--drain-delay", "1s"});
  std::vector<std::uint16_t> ports;
  std::vector<std::size_t> all;
  for (int i = 0; i < nodes_in_cluster; ++i) {
    ports.push_back(free_loopback_port());
    all.push_back(nodes.start({"--listen", local(ports.back())}));
  }
  REQUIRE(nodes.becomes_shared_out(all));
  std::optional<load_balancer> front(std::in_place, ports);
  REQUIRE(eventually([&] { return front->serves(); }));

  std::string logs;
  siege customers(front->port());
  const auto orders = [&] {
    http_client any(front ? front->port() : ports.front());
    return total_of(any, "preReservations");
  };
  for (const auto each : all) {
    const auto placed = orders();
    REQUIRE(eventually([&] { return orders() > placed + 1000; }));
    logs += calls_of(nodes, each);
    CHECK(nodes[each].terminate() == 0);
    logs += nodes[each].process().errors();
    nodes.start_again(each, {"--listen", local(ports[each])});
    CHECK_MESSAGE(nodes.shards_of(each) > 0, "it is not ready before it can take some of the load");
    REQUIRE(nodes.becomes_shared_out(all));
  }
  const auto placed = orders();
  REQUIRE(eventually([&] { return orders() > placed + 1000; }));

  const auto figures = customers.end();
  // It would send on what siege has left behind.
  front.reset();
  http_client reader(ports.front());
  // Of orders that were refused, what for.
  std::map<std::string, int> reasons;
  for_each_row(reader, "preReservations", [&](const auto& row) { ++reasons[json_at(row, "/cancelReason")]; });
  for (const auto& [reason, count] : reasons) MESSAGE(count << " orders with the reason " << reason);
  MESSAGE("siege: " << json_at(figures, ""));
  for (const auto each : all) logs += calls_of(nodes, each) + nodes[each].process().errors();
  CAPTURE(logs);
  CHECK(figures["availability"].GetDouble() == 100.0);
  CHECK(figures["failed_transactions"].GetInt() == 0);
  const auto answered = figures["successful_transactions"].GetUint64();
  CHECK(answered > 3000);

  // Those whose answers siege did not wait for come on top.
  const auto at_rest = [&] {
    const auto placed_by_now = orders();
    return total_of(reader, "receipts") == placed_by_now && nodes.provider().ledger().size() == placed_by_now;
  };
  CHECK(eventually(at_rest));
  CHECK(orders() >= answered);
  const auto listed = read_rows(reader);
  CHECK(listed.size() == orders());
  for (const auto& [id, row] : listed) {
    CAPTURE(id);
    REQUIRE(row.payment == "paid");
  }
  check_receipt_numbers(listed);
  check_ledger(moved_by(nodes.provider()), listed);
}

}  // namespace
}  // namespace holdfast::testing
