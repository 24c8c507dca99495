// That the dashboard and the alerts of deploy/ ask for what there is: every expression is put to a real
// Prometheus, which scrapes a single server, one whose provider is away, and the nodes of a cluster.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/prometheus_server.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/served_cluster.hpp"
#include "tests/support/served_shop.hpp"

namespace holdfast::testing {
namespace {

const std::string deploy_folder = HOLDFAST_SOURCE_DIR "/deploy";
const std::string alerts_file = deploy_folder + "/prometheus/alerts.yml";

std::string text_of_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void replace_all(std::string& in, std::string_view what, std::string_view by) {
  for (auto at = in.find(what); at != std::string::npos; at = in.find(what, at + by.size())) {
    in.replace(at, what.size(), by);
  }
}

/// Every `expr` of a dashboard, with Grafana's variables as it fills them in.
void collect_expressions(const rapidjson::Value& in, std::vector<std::string>& into) {
  if (in.IsArray()) {
    for (const auto& each : in.GetArray()) collect_expressions(each, into);
  }
  if (!in.IsObject()) return;
  for (const auto& [name, value] : in.GetObject()) {
    if (name != "expr") {
      collect_expressions(value, into);
      continue;
    }
    std::string expression = value.GetString();
    replace_all(expression, "$job", ".*");
    replace_all(expression, "$instance", ".*");
    replace_all(expression, "$__rate_interval", "30s");
    into.push_back(expression);
  }
}

/// What an expression selects: names of Holdfast's metrics with the labels that they have to have.
std::set<std::string> selectors_in(const std::string& expression) {
  static const std::regex selector(R"(\b(?:holdfast|process)_\w+(?:\{[^}]*\})?)");
  std::set<std::string> found;
  for (std::sregex_iterator each(expression.begin(), expression.end(), selector), end; each != end; ++each) {
    found.insert(each->str());
  }
  return found;
}

struct watched_servers {
  redis_server redis;
  /// Its collector of spans is away, which is counted.
  served_shop shop{{"--events", "redis://127.0.0.1:" + std::to_string(redis.port()) + "/0", "--otlp-endpoint",
                    "http://127.0.0.1:1"}};
  served_shop without_provider{{"--sandbox-outage", "true"}};
  served_cluster cluster;

  watched_servers() {
    for (int i = 0; i < 2; ++i) cluster.start();
    REQUIRE(cluster.becomes_shared_out({0, 1}));
    REQUIRE(shop->place(R"({"userId":1,"price":1000,"cardNo":"4242-4242-4242-4242"})").status == 201);
    REQUIRE(shop->get("/preReservations/1").status == 200);
    REQUIRE(without_provider->place(R"({"userId":1,"price":1000})").status == 503);
  }

  std::vector<std::uint16_t> ports() {
    return {shop.server().port(), without_provider.server().port(), cluster.port(0), cluster.port(1)};
  }
};

TEST_CASE(
    "the dashboard and the alerts ask for what real servers tell, and the dashboard leaves nothing out") {
  watched_servers servers;
  const prometheus_server prometheus(servers.ports(), alerts_file);
  const auto is_scraped_twice = [&] {
    return prometheus.series_of("count_over_time(up[1h]) > 1 and up == 1") ==
           static_cast<int>(servers.ports().size());
  };
  REQUIRE(eventually(is_scraped_twice));

  const auto board = text_of_file(deploy_folder + "/grafana/holdfast.json");
  std::vector<std::string> shown;
  collect_expressions(parse_json(board)["panels"], shown);
  CHECK(shown.size() > 30);
  for (const auto& expression : shown) {
    CAPTURE(expression);
    CHECK(prometheus.series_of(expression) > 0);
  }

  auto needed = selectors_in(text_of_file(alerts_file));
  CHECK(needed.size() > 10);
  for (const auto& expression : shown) needed.merge(selectors_in(expression));
  for (const auto& selector : needed) {
    CAPTURE(selector);
    CHECK(prometheus.series_of(selector) > 0);
  }

  for (const auto port : servers.ports()) {
    const auto metrics = http_client(port).get("/metrics").body;
    static const std::regex family(R"(# TYPE (holdfast_\w+))");
    for (std::sregex_iterator each(metrics.begin(), metrics.end(), family), end; each != end; ++each) {
      const auto name = (*each)[1].str();
      CAPTURE(name);
      CHECK(board.find(name) != std::string::npos);
    }
  }
}

}  // namespace
}  // namespace holdfast::testing
