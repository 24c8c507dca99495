// Nodes with roles of their own, as real processes: each part of the work fails by itself, and comes back.
#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/http_client.hpp"
#include "tests/support/served_cluster.hpp"

namespace holdfast::testing {
namespace {

struct one_node_each : served_cluster {
  const std::size_t gateway = start({"--roles", "gateway"});
  const std::size_t first_owner = start({"--roles", "reservation"});
  const std::size_t second_owner = start({"--roles", "reservation"});
  const std::size_t desk = start({"--roles", "receipt"});
  const std::size_t rows = start({"--roles", "projection"});

  one_node_each() {
    REQUIRE(eventually([&] { return shards_of(first_owner) == 128 && shards_of(second_owner) == 128; }));
    REQUIRE(eventually([&] { return client(gateway).get("/actuator/health").status == 200; }));
  }

  std::vector<std::uint64_t> place(int count) {
    std::vector<std::uint64_t> ids;
    for (int i = 0; i < count; ++i) {
      const auto placed =
          client(gateway).place(R"({"userId":7,"price":1000,"cardNo":"4242-4242-4242-4242"})");
      REQUIRE(placed.status == 201);
      ids.push_back(id_of(placed));
    }
    return ids;
  }

  raw_response reservation(std::uint64_t id) {
    return client(gateway).get("/myReservations/" + std::to_string(id));
  }
  bool have_receipts(const std::vector<std::uint64_t>& ids) {
    return std::all_of(ids.begin(), ids.end(), [&](auto id) {
      return text_at(reservation(id), "/receiptStatus") == "receipt_issued";
    });
  }
  int listed() {
    return std::stoi(json_at(client(gateway).get("/myReservations?userId=7"), "/page/totalElements"));
  }
};

TEST_CASE("each role by itself: what is down waits, what is up goes on, and everything follows") {
  one_node_each nodes;
  auto ids = nodes.place(20);
  CHECK(eventually([&] { return nodes.have_receipts(ids); }));
  CHECK(eventually([&] { return nodes.listed() == 20; }));
  for (const auto other : {nodes.first_owner, nodes.desk, nodes.rows}) {
    CHECK(nodes.client(other).get("/preReservations").status == 404);
    CHECK(nodes.client(other).place(R"({"userId":7})").status == 404);
    CHECK(nodes.client(other).get("/actuator/health/readiness").status == 200);
    CHECK(nodes.client(other).get("/metrics").status == 200);
  }

  SUBCASE("the only receipt node is killed: reserving and paying go on, and its follower catches up") {
    nodes[nodes.desk].kill();
    const auto more = nodes.place(20);
    for (const auto id : more) {
      CHECK(text_at(nodes.reservation(id), "/paymentStatus") == "paid");
      CHECK(text_at(nodes.reservation(id), "/receiptStatus") == "receipt_pending");
    }
    nodes.start_again(nodes.desk, {"--roles", "receipt"});
    CHECK(eventually([&] { return nodes.have_receipts(more); }));
    ids.insert(ids.end(), more.begin(), more.end());
    std::map<std::string, std::set<int>> books;
    for (const auto id : ids) {
      const auto number = text_at(nodes.reservation(id), "/receiptNo");
      const auto dash = number.find('-');
      REQUIRE(dash != std::string::npos);
      CHECK(books[number.substr(0, dash)].insert(std::stoi(number.substr(dash + 1))).second);
    }
    for (const auto& [book, numbers] : books) {
      CAPTURE(book);
      CHECK(*numbers.rbegin() == static_cast<int>(numbers.size()));
    }
  }

  SUBCASE("the only projection node is killed: writes go on, reads by id tell the truth, lists catch up") {
    nodes[nodes.rows].kill();
    const auto more = nodes.place(20);
    for (const auto id : more) CHECK(nodes.reservation(id).status == 200);
    CHECK(nodes.listed() == 20);
    nodes.start_again(nodes.rows, {"--roles", "projection"});
    CHECK(eventually([&] { return nodes.listed() == 40; }));
  }

  SUBCASE("the only gateway is killed: another takes its place, and knows all") {
    nodes[nodes.gateway].kill();
    nodes.start_again(nodes.gateway, {"--roles", "gateway"});
    for (const auto id : ids) CHECK(nodes.reservation(id).status == 200);
    CHECK(nodes.place(1).size() == 1);
  }
}

}  // namespace
}  // namespace holdfast::testing
