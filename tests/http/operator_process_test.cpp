// `holdfast reservation`, `breaker` and `view` as processes against a real server: what they print in each
// form, and with which exit code; also where it is asked who they are, over HTTPS.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "storage/rocksdb_journal.hpp"
#include "tests/support/api_key_file.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/seeded_reservations.hpp"
#include "tests/support/tls_client.hpp"

namespace holdfast::testing {
namespace {

struct operator_result {
  int code = 0;
  std::string output;
  std::string errors;
};

operator_result run_operator(std::vector<std::string> arguments, const environment_variables& environment) {
  holdfast::testing::process child(std::move(arguments), environment);
  operator_result result;
  result.output = child.rest_of_output();
  result.code = child.wait_for_exit();
  result.errors = child.errors();
  return result;
}

/// Two are parked, one is finished.
std::filesystem::path seed(const temporary_folder& folder) {
  auto journal = storage::rocksdb_journal::open({(folder.path() / "reservations").string()});
  REQUIRE_MESSAGE(journal, journal.error().message);
  append_history(**journal, "parked", 1);
  append_history(**journal, "parked", 2);
  append_history(**journal, "failed", 3);
  return folder.path();
}

class operators_shop {
 public:
  operators_shop() : server_(seed(folder_)), client_(server_.port()) { REQUIRE(wait_for_view(client_)); }

  http_client* operator->() { return &client_; }

  operator_result run(std::vector<std::string> arguments, const environment_variables& more = {}) {
    environment_variables environment{
        {"HOLDFAST_SERVER", "http://127.0.0.1:" + std::to_string(server_.port())}};
    environment.insert(environment.end(), more.begin(), more.end());
    return run_operator(std::move(arguments), environment);
  }
  /// What it prints, where that goes well.
  std::string printed(std::vector<std::string> arguments) {
    const auto result = run(std::move(arguments));
    CHECK_MESSAGE(result.code == 0, result.errors);
    return result.output;
  }

 private:
  temporary_folder folder_;
  serving_process server_;
  http_client client_;
};

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

const std::vector<std::string> because{"--reason", "the bank is back", "--who", "mina"};

std::vector<std::string> with_reason(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), because.begin(), because.end());
  return arguments;
}

TEST_CASE("operators list, look, retry and cancel from the command line, in every form") {
  operators_shop shop;
  const auto table = shop.printed({"reservation", "ls"});
  CHECK(lines_of(table) == 4);
  CHECK(table.starts_with("id"));
  const auto csv = shop.printed({"reservation", "ls", "--output", "csv", "--user", "7"});
  CHECK(csv.starts_with("id,userId,userAddress,productId,"));
  CHECK(has(csv, ",7,"));
  const auto listed = parse_json(shop.printed({"reservation", "ls", "--output", "json", "--limit", "2"}));
  CHECK(listed.Size() == 2);
  const auto sagas = shop.printed({"reservation", "ls", "--state", "parked", "--output", "ndjson"});
  CHECK(lines_of(sagas) == 2);
  CHECK(has(sagas, "the desk says no"));
  CHECK(shop.printed({"reservation", "ls", "--state", "stuck", "--output", "json"}) == "[]\n");
  CHECK(text_at(parse_json(shop.printed({"reservation", "get", "1", "--output", "json"})), "/status") ==
        "reservated");

  const auto dry = shop.run(with_reason({"reservation", "retry", "--state", "parked"}));
  CHECK(dry.code == 0);
  CHECK(has(dry.output, "would retry"));
  CHECK(has(dry.errors, "2 would be done, and nothing was: give --apply"));
  CHECK(has(shop.printed(with_reason({"reservation", "retry", "1"})), "recorded"));
  CHECK(
      has(shop.printed(with_reason({"reservation", "cancel", "--state", "parked", "--apply"})), "recorded"));
  const auto history = shop.printed({"reservation", "history", "1"});
  CHECK(has(history, "OperatorRetried"));
  CHECK(has(history, "mina  the bank is back"));
  CHECK(has(shop.printed({"reservation", "history", "2"}), "OperatorCancelled"));

  const auto exported = shop.printed({"reservation", "export"});
  CHECK(lines_of(exported) == 3);
  std::istringstream lines(exported);
  for (std::string line; std::getline(lines, line);) {
    const auto one = parse_json(line);
    const auto shown = shop->document("/myReservations/" + json_at(one, "/id"));
    CHECK(json_at(one, "/history") == json_at(shown, "/history"));
    CHECK(json_at(one, "/version") == json_at(shown, "/version"));
  }

  // The columns are the document's fields, all of them but its links.
  const auto as_csv = shop.printed({"reservation", "export", "--output", "csv"});
  CHECK(lines_of(as_csv) == 4);
  const auto columns = "," + as_csv.substr(0, as_csv.find('\r')) + ",";
  const auto document = shop->document("/myReservations/1");
  for (const auto& [name, value] : document.GetObject()) {
    if (std::string(name.GetString()) == "_links") continue;
    CAPTURE(name.GetString());
    CHECK(has(columns, "," + std::string(name.GetString()) + ","));
  }

  CHECK(has(shop.printed({"breaker", "show"}), "CLOSED"));
  CHECK(has(shop.printed(with_reason({"breaker", "open"})), "open"));
  CHECK(eventually([&] { return has(shop.printed({"breaker", "show"}), "OPEN"); }));
  shop.printed(with_reason({"breaker", "auto"}));
  CHECK(shop.printed(with_reason({"view", "rebuild"})) == "the view is made anew\n");
  CHECK(text_at(shop->document("/actuator/health"), "/components/view/status") == "UP");
  CHECK(lines_of(shop.printed({"reservation", "ls"})) == 4);
  CHECK(has(shop.printed(with_reason({"view", "rebuild", "--no-wait"})), "is being made anew"));
}

TEST_CASE("a rebuild is waited for until the view can be read and lags by a moment only") {
  // In turn: far behind; there, but not to be read yet; too many questions; whole, under load.
  int looks = 0;
  scripted_server server([&](const scripted_request& request) {
    if (request.method == "POST") return scripted_action{http_bytes(202, R"({"action":"rebuild"})")};
    if (request.target == "/actuator/health") {
      const std::string status = looks < 4 ? "DOWN" : "UP";
      return scripted_action{
          http_bytes(looks < 4 ? 503 : 200, R"({"components":{"view":{"status":")" + status + R"("}}})")};
    }
    ++looks;
    if (looks == 3) return scripted_action{http_bytes(429, "{}", "Retry-After: 1\r\n")};
    const std::string records = looks == 1 ? "4096" : "0";
    const std::string seconds = looks == 1 ? "1e3" : "0.0015";
    return scripted_action{http_bytes(200, "# HELP\nholdfast_projection_lag_records " + records +
                                               "\nholdfast_projection_lag_seconds " + seconds + "\n")};
  });
  const auto rebuild =
      with_reason({"view", "rebuild", "--server", "http://127.0.0.1:" + std::to_string(server.port())});
  const auto result = run_operator(rebuild, {});
  CHECK_MESSAGE(result.code == 0, result.errors);
  CHECK(result.output == "the view is made anew\n");
  std::string asked;
  for (const auto& each : server.requests()) asked += each.target + " ";
  CHECK(asked ==
        "/admin/view/rebuild /metrics /metrics /actuator/health /metrics /metrics /actuator/health ");
}

TEST_CASE("what operators get wrong is told, with an exit code") {
  operators_shop shop;
  const auto refused = [&](std::vector<std::string> arguments, int code, const std::string& complaint,
                           const environment_variables& environment = {}) {
    const auto result = shop.run(std::move(arguments), environment);
    CAPTURE(result.errors);
    CHECK(result.code == code);
    CHECK(has(result.errors, complaint));
    CHECK(result.output == "");
  };
  refused({"reservation"}, 2, "Usage: holdfast reservation COMMAND");
  refused({"reservation", "look"}, 2, "unknown command 'reservation look'");
  refused({"reservation", "get"}, 2, "give the ID");
  refused({"reservation", "get", "0"}, 2, "ID = '0' is not accepted");
  refused({"reservation", "get", "1", "2"}, 2, "unexpected argument '2'");
  refused({"reservation", "get", "999"}, 1, "There is no document 999");
  refused({"reservation", "cancel", "1"}, 2, "--reason is required");
  refused(with_reason({"reservation", "cancel"}), 2, "give the ID of a reservation, or --state");
  refused(with_reason({"reservation", "cancel", "1", "--state", "parked"}), 2, "either");
  refused(with_reason({"reservation", "cancel", "--state", "broken"}), 2, "give parked or stuck");
  refused(with_reason({"reservation", "cancel", "999"}), 1, "There is no reservation 999");
  refused({"reservation", "cancel", "1", "--who", "mina", "--reason", "card 1234123412341234"}, 1,
          "card number");
  refused(with_reason({"reservation", "cancel", "--state", "parked"}), 2, "give it as a flag",
          {{"HOLDFAST_OPERATOR_APPLY", "true"}});
  refused({"reservation", "ls", "--status", "order"}, 2, "choose among those of --state");
  refused({"breaker", "show", "--server", "http://127.0.0.1:1"}, 1, "can't connect to http://127.0.0.1:1");
  refused({"breaker", "show", "--output", "xml"}, 2, "give table, json, ndjson or csv");
}

/// A shop over HTTPS that asks who it is.
class guarded_shop {
 public:
  guarded_shop()
      : operator_(keys_.add("olaf", "operator")),
        customer_(keys_.add("ann", "customer 7")),
        server_(seed(folder_), {"--auth", "keys", "--auth-keys", keys_.path(), "--tls-certificate",
                                files_.certificate(), "--tls-key", files_.key()}) {}

  std::string url(const std::string& host = "127.0.0.1") const {
    return "https://" + host + ":" + std::to_string(server_.port());
  }
  std::string authority() const { return files_.certificate(); }
  const std::string& operator_key() const { return operator_; }
  const std::string& customer_key() const { return customer_; }

  /// With the operator's key, over the certificate that it has; what is given goes before that.
  operator_result run(std::vector<std::string> arguments, environment_variables environment = {}) const {
    for (const auto& [name, value] : {std::pair{"HOLDFAST_SERVER", url()},
                                      {"HOLDFAST_SERVER_AUTHORITY", authority()},
                                      {"HOLDFAST_KEY", operator_key()}}) {
      const auto given = [&, name = name](const auto& each) { return each.first == name; };
      if (std::none_of(environment.begin(), environment.end(), given)) environment.emplace_back(name, value);
    }
    auto result = run_operator(std::move(arguments), environment);
    CHECK_FALSE(has(result.output + result.errors, "key-of-"));
    return result;
  }

 private:
  temporary_folder folder_;
  api_key_file keys_;
  certificate_files files_{"shop"};
  const std::string operator_;
  const std::string customer_;
  serving_process server_;
};

TEST_CASE("operators ask over HTTPS with a key, of a file or a variable") {
  const guarded_shop shop;
  const auto shown = shop.run({"breaker", "show"});
  CAPTURE(shown.errors);
  CHECK(shown.code == 0);
  CHECK(has(shown.output, "CLOSED"));

  const temporary_folder folder;
  std::ofstream(folder / "key") << shop.operator_key() << "\r\n";
  const auto by_file = shop.run({"reservation", "ls", "--state", "parked", "--key-file", folder / "key"},
                                {{"HOLDFAST_KEY", "none"}});
  CAPTURE(by_file.errors);
  CHECK(by_file.code == 0);
  CHECK(lines_of(by_file.output) == 3);

  const auto by_system = shop.run(
      {"breaker", "show"}, {{"HOLDFAST_SERVER_AUTHORITY", "none"}, {"SSL_CERT_FILE", shop.authority()}});
  CAPTURE(by_system.errors);
  CHECK(by_system.code == 0);
}

TEST_CASE("what operators do with a key has the name that the key has, not their login") {
  const guarded_shop shop;
  const auto done = [&](std::vector<std::string> arguments, const environment_variables& environment = {}) {
    arguments.insert(arguments.end(), {"--reason", "the bank is back"});
    const auto result = shop.run(std::move(arguments), environment);
    CAPTURE(result.errors);
    CHECK(result.code == 0);
    return result.output;
  };
  CHECK(has(done({"reservation", "retry", "1"}, {{"USER", "root"}}), "recorded"));
  CHECK(has(done({"reservation", "cancel", "--state", "parked", "--apply", "--who", "mina"}), "recorded"));
  done({"breaker", "open"}, {{"USER", ""}});
  for (const std::string id : {"1", "2"}) {
    CAPTURE(id);
    const auto history = shop.run({"reservation", "history", id}).output;
    CHECK(has(history, "olaf  the bank is back"));
    CHECK_FALSE(has(history, "root  "));
    CHECK_FALSE(has(history, "mina  "));
  }
}

TEST_CASE("whom a server does not let in is told what to do, and a server that is another is not asked") {
  const guarded_shop shop;
  const auto refused = [&](const environment_variables& environment, const std::string& complaint) {
    const auto result = shop.run({"breaker", "show"}, environment);
    CAPTURE(result.errors);
    CHECK(result.code == 1);
    CHECK(has(result.errors, complaint));
    CHECK(result.output == "");
  };
  refused({{"HOLDFAST_KEY", "none"}}, "give --key-file FILE, or HOLDFAST_KEY");
  refused({{"HOLDFAST_KEY", "hf_nobody"}}, "see that the key is one of this server's");
  refused({{"HOLDFAST_KEY", shop.customer_key()}}, "ask with the key of an operator, or of an auditor");
  const auto changing =
      shop.run({"breaker", "open", "--reason", "maintenance"}, {{"HOLDFAST_KEY", shop.customer_key()}});
  CHECK_MESSAGE(has(changing.errors, "ask with an operator's key"), changing.errors);

  const certificate_files other("other");
  refused({{"HOLDFAST_SERVER_AUTHORITY", "none"}}, "its certificate is not trusted");
  refused({{"HOLDFAST_SERVER_AUTHORITY", other.certificate()}}, "give --server-authority FILE");
  refused({{"HOLDFAST_SERVER", shop.url("localhost")}}, "give --server with a name that the certificate has");
  auto plain = shop.url();
  plain.erase(4, 1);
  refused({{"HOLDFAST_SERVER", plain}, {"HOLDFAST_SERVER_AUTHORITY", "none"}}, "This port speaks HTTPS");
}

TEST_CASE("a server of plain HTTP is not spoken to over HTTPS, and one that limits says how long to wait") {
  api_key_file keys;
  const environment_variables key{{"HOLDFAST_KEY", keys.add("olaf", "operator")}};
  const temporary_folder folder;
  serving_process server(folder.path(),
                         {"--auth", "keys", "--auth-keys", keys.path(), "--rate-limit", "1/m"});
  const auto port = std::to_string(server.port());
  const auto secure = run_operator({"breaker", "show", "--server", "https://127.0.0.1:" + port}, key);
  CHECK(secure.code == 1);
  CHECK_MESSAGE(has(secure.errors, "can't speak TLS with https://127.0.0.1:"), secure.errors);
  const std::vector<std::string> plain{"breaker", "show", "--server", "http://127.0.0.1:" + port};
  CHECK(run_operator(plain, key).code == 0);
  const auto limited = run_operator(plain, key);
  CHECK(limited.code == 1);
  CHECK_MESSAGE(has(limited.errors, "; try again in "), limited.errors);
}

TEST_CASE("a key is sent as it has to be, without a name beside it, and a server that hangs is given up") {
  const temporary_folder folder;
  std::ofstream(folder / "key") << "hf_key-of-a\n";
  scripted_server server([](const scripted_request&) { return scripted_action{http_bytes(200, "{}")}; });
  const auto port = std::to_string(server.port());
  const std::vector<std::string> open{
      "breaker", "open", "--reason", "maintenance", "--server", "http://127.0.0.1:" + port, "--who", "mina"};
  CHECK(run_operator(open, {{"HOLDFAST_KEY_FILE", folder / "key"}}).code == 0);
  CHECK(run_operator(open, {}).code == 0);
  const auto seen = server.requests();
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].has_line("Authorization: Bearer hf_key-of-a"));
  CHECK(seen[0].body == R"({"reason":"maintenance","action":"open"})");
  CHECK_FALSE(has(seen[1].head, "Authorization"));
  CHECK(seen[1].body == R"({"who":"mina","reason":"maintenance","action":"open"})");
  // It waits for the rest of a request, and hears the beginning of a handshake.
  const auto given_up = run_operator(
      {"breaker", "show", "--server", "https://127.0.0.1:" + port, "--server-timeout", "100ms"}, {});
  CHECK(given_up.code == 1);
  CHECK_MESSAGE(has(given_up.errors, "can't speak TLS with"), given_up.errors);
}

TEST_CASE("an age of nothing is asked for where it is given, and left to the server where it is not") {
  scripted_server server([](const scripted_request& request) {
    return scripted_action{http_bytes(
        200, request.method == "GET" ? R"({"_embedded":{"sagas":[]}})" : R"({"ids":[],"next":null})")};
  });
  const auto ask = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(),
                     {"--state", "stuck", "--server", "http://127.0.0.1:" + std::to_string(server.port())});
    const auto result = run_operator(std::move(arguments), {});
    CHECK_MESSAGE(result.code == 0, result.errors);
    return server.requests().back();
  };
  CHECK(has(ask({"reservation", "ls", "--older-than", "0s"}).target, "&olderThanSeconds=0"));
  CHECK_FALSE(has(ask({"reservation", "ls"}).target, "olderThan"));
  CHECK(has(ask(with_reason({"reservation", "cancel", "--older-than", "0s"})).body,
            R"("filter":{"state":"stuck","olderThanSeconds":"0"})"));
  CHECK_FALSE(has(ask(with_reason({"reservation", "cancel"})).body, "olderThan"));
}

TEST_CASE("a key is not given away, nor taken from where others see it") {
  const temporary_folder folder;
  std::ofstream(folder / "two") << "hf_key-of-a\nhf_key-of-b\n";
  std::ofstream(folder / "one") << "hf_key-of-a\n";
  const auto refused = [&](std::vector<std::string> flags, const std::string& complaint,
                           const environment_variables& environment = {}) {
    flags.insert(flags.begin(), {"breaker", "show"});
    const auto result = run_operator(std::move(flags), environment);
    CAPTURE(result.errors);
    CHECK(result.code == 2);
    CHECK(has(result.errors, complaint));
    CHECK_FALSE(has(result.errors, "key-of-"));
  };
  const environment_variables key{{"HOLDFAST_KEY", "hf_key-of-a"}};
  refused({"--key", "hf_key-of-a"}, "--key is not accepted, for others see what a command line has");
  refused({"--key=hf_key-of-a"}, "give HOLDFAST_KEY");
  refused({}, "HOLDFAST_KEY is not accepted", {{"HOLDFAST_KEY", "hf_key-of-a b"}});
  std::ofstream(folder / "settings") << "server = \"http://shop.example:80\"\nkey = \"hf_key-of-a\"\n";
  refused({"--config", folder / "settings"}, "settings line 1: server = 'http://shop.example:80'");
  std::ofstream(folder / "broken") << "key = \"hf_key-of-a b\"\n";
  refused({"--config", folder / "broken"}, "broken line 1: key is not accepted");
  refused({"--key-file", folder / "two"}, "it has to have one line");
  refused({"--key-file", folder / "three"}, "can't read");
  refused({"--key-file", folder / "one"}, "HOLDFAST_KEY gives a key too", key);
  for (const std::string host : {"shop.example", "10.0.0.1", "127.shop.example", "[::2]"}) {
    refused({"--server", "http://" + host + ":8088"}, "the key would go there for all to read", key);
    refused({"--server", "http://" + host + ":8088", "--key-file", folder / "one"}, "give https://HOST:PORT");
  }
  refused({"--server-authority", folder / "one"}, "it is of no use with http://127.0.0.1:8088");
  refused({"--server", "https://127.0.0.1:1", "--server-authority", folder / "one"}, "can't be used");
  refused({"--server", "ftp://127.0.0.1:1"}, "https://shop.example:8088");
}

}  // namespace
}  // namespace holdfast::testing
