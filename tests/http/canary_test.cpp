// A card number lives in memory from the request to the charge and nowhere else: numbers that
// occur nowhere by chance are sent in every way there is, and then looked for in every byte that
// the real binary has written and in everything that it says.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/api_key_file.hpp"
#include "tests/support/event_stream.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/sandbox_process.hpp"

namespace holdfast::testing {
namespace {

using strings = std::vector<std::string>;

/// So many leading digits would be too much to keep: only the last four may be.
constexpr std::size_t telling_digits = 10;

/// Bytes without what people put between the digits of a card.
std::string without_separators(std::string text) {
  std::erase_if(text, [](char c) { return c == '-' || c == ' ' || c == '\0'; });
  return text;
}

/// The number as eight bytes, the least significant first.
std::string as_integer(const std::string& digits) {
  std::uint64_t number = std::stoull(digits);
  std::string bytes;
  for (int i = 0; i < 8; ++i, number >>= 8) bytes.push_back(static_cast<char>(number & 0xff));
  return bytes;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The key that its operator is known by, and the one that the provider knows the shop by.
const std::string operators_key = "hf_key-of-canary", providers_key = "sk_live_canary";

/// Which of these numbers the bytes betray, or which key: numbers as digits with or without separators, or as
/// integers.
strings found_in(const std::string& bytes, const strings& canaries) {
  strings found;
  const std::string digits = without_separators(bytes);
  for (const auto& canary : canaries) {
    const std::string integer = as_integer(canary);
    const std::string reversed(integer.rbegin(), integer.rend());
    if (contains(digits, canary.substr(0, telling_digits)) || contains(bytes, integer) ||
        contains(bytes, reversed)) {
      found.push_back(canary);
    }
  }
  for (const auto& key : {operators_key, providers_key}) {
    if (contains(bytes, key)) found.push_back(key);
  }
  return found;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct search_result {
  int files = 0;
  strings found;
};

/// Every byte of every file of the folder, and the files' names.
search_result search_folder(const std::filesystem::path& folder, const strings& canaries) {
  search_result result;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    ++result.files;
    for (auto& canary : found_in(entry.path().string() + "\n" + read_file(entry.path()), canaries)) {
      result.found.push_back(canary + " in " + entry.path().string());
    }
  }
  return result;
}

/// "1234567890123456" as "1234<separator>5678<separator>...".
std::string grouped(const std::string& digits, const std::string& separator) {
  std::string text;
  for (std::size_t i = 0; i < digits.size(); i += 4) {
    text += (i == 0 ? "" : separator) + digits.substr(i, 4);
  }
  return text;
}

std::string body_with(const std::string& card_json) {
  return R"({"userId":1,"price":1300000,"cardNo":)" + card_json + "}";
}
std::string quoted(const std::string& text) {
  return '"' + text + '"';
}

/// Numbers that are charged, 12 to 19 digits, and as many that are refused.
const strings canaries{"7316529840317465", "8264091735284619",    "9175382640193758", "6482017395846271",
                       "725193640581",     "8391726405182736459", "7718293041528364", "9527418306952741",
                       "6913582470691357", "8842617350884261",    "7463918205746391", "9286147305928614",
                       "6157392840615739", "8539174620853917",    "7291648305729164", "96421783059642178301"};

/// stoull() takes twenty digits no more.
strings searchable() {
  strings all = canaries;
  all.back().pop_back();
  return all;
}

void check_silent(const raw_response& answer) {
  CAPTURE(answer.body);
  std::string text = answer.status_line + "\n" + answer.body;
  for (const auto& [name, value] : answer.headers) text += "\n" + name + ": " + value;
  CHECK(found_in(text, searchable()) == strings{});
}

/// Where nobody has to be known, the key does not matter.
http_client known_client(std::uint16_t port) {
  http_client client(port);
  client.identify_by(operators_key);
  return client;
}

/// Placements that are taken, and requests that are refused at every stage.
void send_everything(std::uint16_t port) {
  auto client = known_client(port);
  const auto place = [&](const std::string& body, int status) {
    const auto answer = client.place(body);
    CHECK(answer.status == status);
    check_silent(answer);
    return std::to_string(id_of(answer));
  };
  place(body_with(quoted(canaries[0])), 201);
  const auto dashed = place(body_with(quoted(grouped(canaries[1], "-"))), 201);
  const auto spaced = place(body_with(quoted(grouped(canaries[2], " "))), 201);
  place(body_with(canaries[3]), 201);
  place(body_with(quoted(canaries[4])), 201);
  place(body_with(quoted(grouped(canaries[5], "- "))), 201);
  for (const auto& id : {dashed, spaced}) CHECK(client.del("/preReservations/" + id).status == 204);

  const std::string keyed = body_with(quoted(grouped(canaries[6], "-")));
  check_silent(client.place_with_key(keyed, "canary"));
  check_silent(client.place_with_key(keyed, "canary"));
  check_silent(client.place_with_key(body_with(quoted(canaries[7])), "canary"));

  // Refused: other fields, the number itself, the JSON, the type, the length, an unknown field.
  place(R"({"userId":"x","cardNo":")" + grouped(canaries[8], "-") + "\"}", 400);
  place(body_with(quoted(canaries[15])), 400);
  place(body_with(quoted(canaries[9] + "x")), 400);
  place(body_with(quoted(canaries[10])) + "}", 400);
  place(R"({"cardNo":")" + canaries[10] + R"(","userId":)", 400);
  place(body_with("[" + quoted(canaries[11]) + "]"), 400);
  check_silent(client.request("POST", "/preReservations", {{"Content-Type", "text/plain"}},
                              body_with(quoted(canaries[11]))));
  place(R"({"userId":1,"card":")" + canaries[12] + R"(","CardNo":{"number":")" + canaries[12] + R"("}})",
        201);
  check_silent(client.get("/preReservations?cardNo=" + canaries[13]));
  check_silent(client.get("/myReservations?after=" + canaries[13]));
  check_silent(client.request("PUT", "/preReservations/1", {{"Content-Type", "application/json"}},
                              body_with(quoted(canaries[13]))));
  // These answers name the path that they were asked for, to whoever asked; the log must not.
  CHECK(client.get("/preReservations/" + canaries[13]).status == 404);
  CHECK(client.del("/preReservations/" + canaries[13]).status == 404);

  http_client too_long(port);
  too_long.connection().send_if_open(
      request_text("POST", "/preReservations", {{"Content-Type", "application/json"}},
                   body_with(quoted(canaries[14])) + std::string(16 * 1024, ' ')));
  check_silent(too_long.connection().read_response());
  raw_client half(port);
  half.send("POST /preReservations HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\n" +
            body_with(quoted(canaries[14])));
  half.close();
}

void check_documents(std::uint16_t port) {
  auto client = known_client(port);
  REQUIRE(wait_for_view(client));
  REQUIRE(eventually([&] {
    int open = 0;
    for_each_row(client, "myReservations", [&](const rapidjson::Value& row) {
      const auto status = text_at(row, "/status");
      open += status == "order" || status == "cancelling" ||
              json_at(row, "/receiptStatus") == "\"receipt_pending\"";
    });
    return open == 0;
  }));
  strings targets{"/",
                  "/actuator",
                  "/actuator/health",
                  "/actuator/info",
                  "/actuator/circuitbreakers",
                  "/actuator/parked",
                  "/admin/sagas",
                  "/metrics"};
  for (const std::string collection : {"preReservations", "payments", "receipts", "myReservations"}) {
    targets.push_back("/" + collection + "?size=1000");
    for_each_row(client, collection, [&](const rapidjson::Value& row) {
      targets.push_back("/" + collection + "/" + json_at(row, "/id"));
      targets.push_back("/admin/sagas/" + json_at(row, "/id"));
    });
  }
  CHECK(targets.size() > 30);
  for (const auto& target : targets) check_silent(client.get(target));
}

/// What was placed, paid, and cancelled; the number of a card is long enough to be in any of it.
void check_events(std::uint16_t port) {
  constexpr std::size_t placed = 8;
  event_stream events(port, "/events?from=beginning");
  std::size_t created = 0;
  std::size_t cancelled = 0;
  while (created < placed || cancelled < 2) {
    const auto event = events.require();
    CHECK(found_in(event.data, searchable()) == strings{});
    created += event.type == "ReservationCreated";
    cancelled += event.type == "ReservationCancelled";
  }
}

void check_folder(const std::filesystem::path& folder) {
  const auto searched = search_folder(folder, searchable());
  CHECK(searched.found == strings{});
  CHECK(searched.files > 10);
}

TEST_CASE("the search finds a number in whatever form and wherever it is written") {
  const temporary_folder folder;
  std::filesystem::create_directories(folder / "deep/down");
  const strings forms{canaries[0],
                      "x" + grouped(canaries[0], "-") + "y",
                      std::string(100'000, '\0') + grouped(canaries[0], " "),
                      canaries[0].substr(0, telling_digits),
                      as_integer(canaries[0]),
                      R"({"cardNo":")" + canaries[0] + "\"}"};
  for (const auto& form : forms) {
    CAPTURE(form);
    std::ofstream(folder / "deep/down/file", std::ios::binary) << "before " << form << " behind";
    CHECK(search_folder(folder.path(), searchable()).found.size() == 1);
  }
  std::ofstream(folder / "deep/down/file") << "****-****-****-" + canaries[0].substr(12);
  CHECK(search_folder(folder.path(), searchable()).found.empty());
  std::ofstream(folder / (canaries[1] + ".log")) << "nothing in it";
  CHECK(search_folder(folder.path(), searchable()).found.size() == 1);
}

TEST_CASE("the search finds what the server does keep, in its journal and in its view") {
  const temporary_folder folder;
  serving_process server(folder.path());
  http_client client(server.port());
  REQUIRE(wait_for_view(client));
  REQUIRE(client.place(R"({"userId":1,"userAddress":"room )" + grouped(canaries[0], "-") + "\"}").status ==
          201);
  CHECK(found_in(client.get("/preReservations/1").body, searchable()) == strings{canaries[0]});
  // The view writes its memory out at the end.
  CHECK(server.terminate() == 0);
  for (const char* store : {"reservations", "view"}) {
    CHECK_FALSE(search_folder(folder.path() / store, searchable()).found.empty());
  }
}

TEST_CASE("no card number is in any file, log or document, after any end of the process") {
  for (const char* level : {"debug", "trace"}) {
    const temporary_folder folder;
    const strings logged{"--log-level", level};
    const auto said_by = [](serving_process& server) {
      return server.ready_line() + server.process().rest_of_output() + server.process().errors();
    };
    {
      serving_process server(folder.path(), logged);
      http_client client(server.port());
      REQUIRE(wait_for_view(client));
      send_everything(server.port());
      check_documents(server.port());
      check_events(server.port());
      check_folder(folder.path());
      CHECK(server.terminate() == 0);
      CHECK(found_in(said_by(server), searchable()) == strings{});
      check_folder(folder.path());
    }
    {
      // Killed while the charge is under way, card in hand.
      strings slow = logged;
      slow.insert(slow.end(), {"--sandbox-latency", "500ms"});
      serving_process server(folder.path(), slow);
      http_client client(server.port());
      REQUIRE(wait_for_view(client));
      const auto rows = [&] {
        return std::stoi(json_at(client.document("/preReservations"), "/page/totalElements"));
      };
      const int before = rows();
      raw_client waiting(server.port());
      waiting.send(request_text("POST", "/preReservations", {{"Content-Type", "application/json"}},
                                body_with(quoted(grouped(canaries[7], "-")))));
      REQUIRE(eventually([&] { return rows() == before + 1; }));
      server.kill();
      CHECK(found_in(said_by(server), searchable()) == strings{});
      check_folder(folder.path());
    }
    serving_process server(folder.path(), logged);
    check_documents(server.port());
    check_events(server.port());
    CHECK(server.terminate() == 0);
    CHECK(found_in(said_by(server), searchable()) == strings{});
    check_folder(folder.path());
  }
}

TEST_CASE("no card number and no key is in Redis, at the provider, in a backup or in what commands say") {
  const temporary_folder folder;
  redis_server redis;
  redis.command({"CONFIG", "SET", "rdbcompression", "no"});
  sandbox_process provider({"--log-level", "trace"}, folder / "provider");
  api_key_file keys;
  REQUIRE(keys.add("canary", "operator") == operators_key);
  serving_process server(folder / "data", {"--log-level", "trace", "--view", redis.url(), "--events",
                                           redis.url(), "--payment", provider.url(), "--payment-key",
                                           providers_key, "--auth", "keys", "--auth-keys", keys.path()});
  auto client = known_client(server.port());
  REQUIRE(wait_for_view(client));
  send_everything(server.port());
  check_documents(server.port());
  REQUIRE(eventually([&] { return redis.integer({"XLEN", "prereservation"}) > 20; }));
  redis.save();
  CHECK(std::filesystem::file_size(redis.folder() / "dump.rdb") > 5'000);
  CHECK(search_folder(redis.folder(), searchable()).found == strings{});

  const auto run = [&](strings arguments, const environment_variables& with = {}) {
    process command(std::move(arguments), with);
    const auto output = command.rest_of_output();
    CHECK(command.wait_for_exit() == 0);
    CHECK(found_in(output + command.errors(), searchable()) == strings{});
    return output;
  };
  const std::string data = folder / "data", at = "http://127.0.0.1:" + std::to_string(server.port());
  run({"journal", "backup", "--data", data, folder / "backup"});
  run({"journal", "export", "--data", data, folder / "exported"});
  const environment_variables known{{"HOLDFAST_KEY", operators_key}};
  for (const auto* format : {"table", "json", "ndjson", "csv"}) {
    CHECK(run({"reservation", "export", "--server", at, "--output", format}, known).size() > 500);
  }
  for (const auto* what : {"get", "history"}) run({"reservation", what, "--server", at, "1"}, known);
  run({"doctor", "--data", data, "--payment", provider.url(), "--payment-key", providers_key});

  CHECK(server.terminate() == 0);
  CHECK(found_in(server.ready_line() + server.process().rest_of_output() + server.process().errors(),
                 searchable()) == strings{});
  CHECK(found_in(provider.process().errors(), searchable()) == strings{});
  check_folder(folder.path());
}

}  // namespace
}  // namespace holdfast::testing
