// One `holdfast serve` for a test of what customers send, what every such test asks it, and how its
// refusals look.
// Owned by one test; one thread each.
#pragma once

#include <doctest/doctest.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"

namespace holdfast::testing {

/// A server on a folder of its own, whose view answers, and a client of it.
class served_shop {
 public:
  explicit served_shop(std::vector<std::string> flags = {})
      : server_(folder_.path(), std::move(flags)), client_(server_.port()) {
    REQUIRE(wait_for_view(client_));
  }
  http_client* operator->() { return &client_; }
  raw_client connect() const { return raw_client(server_.port(), "127.0.0.1", answer_deadline); }

  /// Placements are seen in the view a moment after they were acknowledged.
  bool counts(int reservations) {
    return eventually([&] {
      return json_at(client_.document("/preReservations"), "/page/totalElements") ==
             std::to_string(reservations);
    });
  }

  serving_process& server() { return server_; }
  const serving_process& server() const { return server_; }

 private:
  temporary_folder folder_;
  serving_process server_;
  http_client client_;
};

/// The bytes of a placement.
inline std::string placement_text(const std::string& body,
                                  const std::string& content_type = "application/json") {
  return request_text("POST", "/preReservations", {{"Content-Type", content_type}}, body);
}

inline void check_problem(const raw_response& answer, int status, const std::string& code) {
  CAPTURE(answer.body);
  CHECK(answer.status == status);
  CHECK(answer.header("content-type") == "application/problem+json");
  const auto problem = parse_json(answer.body);
  CHECK(text_at(problem, "/code") == code);
  CHECK(text_at(problem, "/type") == "/problems/" + code);
  CHECK(json_at(problem, "/status") == std::to_string(answer.status));
  CHECK_FALSE(text_at(problem, "/title").empty());
  CHECK_FALSE(text_at(problem, "/detail").empty());
  CHECK(text_at(problem, "/traceId").size() == 32);
}

}  // namespace holdfast::testing
