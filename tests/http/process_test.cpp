// The binary as whoever runs it sees it: its command line, its signals, its limits.
#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <sys/stat.h>

#include <cstdlib>
#include <sstream>

#include "tests/support/ordinary_user.hpp"
#include "tests/support/process.hpp"
#include "tests/support/raw_client.hpp"

namespace holdfast::testing {
namespace {

using strings = std::vector<std::string>;

void check_contains(const std::string& text, const std::string& part) {
  INFO("expected to contain: " << part);
  INFO("text: " << text);
  CHECK(text.find(part) != std::string::npos);
}

raw_response get(std::uint16_t port, const std::string& path) {
  return raw_client{port}.exchange("GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n");
}

std::string placement() {
  const std::string body = R"({"userId":1,"price":1300000,"cardNo":"1234-1234-1234-1234"})";
  return "POST /preReservations HTTP/1.1\r\nHost: test\r\nContent-Type: "
         "application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// Returns once the first reservation of the store is durable: then its id is found.
void wait_for_first_reservation(std::uint16_t port) {
  const auto deadline = std::chrono::steady_clock::now() + child_deadline;
  while (get(port, "/preReservations/1").status != 200) {
    if (std::chrono::steady_clock::now() > deadline) FAIL("the reservation never showed");
  }
}

/// The two columns, soft and hard, of a row of /proc/<pid>/limits.
std::pair<std::string, std::string> limit_of(pid_t pid, const std::string& name) {
  std::ifstream limits("/proc/" + std::to_string(pid) + "/limits");
  for (std::string line; std::getline(limits, line);) {
    if (!line.starts_with(name)) continue;
    std::istringstream columns(line.substr(name.size()));
    std::pair<std::string, std::string> limit;
    columns >> limit.first >> limit.second;
    return limit;
  }
  return {};
}

TEST_CASE("help and version go to standard output and exit with 0") {
  process version{{"--version"}};
  CHECK(version.wait_for_exit() == 0);
  CHECK(version.rest_of_output() == "holdfast " HOLDFAST_VERSION "\n");

  process help{{"serve", "--help"}};
  CHECK(help.wait_for_exit() == 0);
  check_contains(help.rest_of_output(), "--payment-wait");
  CHECK(help.errors().empty());
}

TEST_CASE("what is not accepted exits with 2 and is named") {
  const temporary_folder folder;
  std::ofstream{folder / "bad.toml"} << "threads = 1\ncolour = \"red\"\n";
  struct row {
    strings arguments;
    environment_variables environment;
    std::string named;
  };
  const std::vector<row> table{
      {{"serve", "--colour", "red"}, {}, "--colour"},
      {{"serve", "--threads", "none"}, {}, "--threads = 'none'"},
      {{"serve", "--timezone", "Asia/Soul"}, {}, "Asia/Soul"},
      {{"serve", "--payment", "https://127.0.0.1:9090"}, {}, "http://HOST:PORT"},
      {{"serve", "--config", folder / "bad.toml"}, {}, "bad.toml line 2: unknown key 'colour'"},
      {{"serve"}, {{"HOLDFAST_COLOUR", "red"}}, "HOLDFAST_COLOUR"},
      {{"serve"}, {{"HOLDFAST_PAYMENT_WAIT", "soon"}}, "HOLDFAST_PAYMENT_WAIT = 'soon'"},
      {{"paint"}, {}, "paint"},
      {{}, {}, "Usage"},
  };
  for (const row& each : table) {
    process refused{each.arguments, each.environment};
    CHECK(refused.wait_for_exit() == 2);
    check_contains(refused.errors(), each.named);
    CHECK(refused.rest_of_output().empty());
  }
}

TEST_CASE("the one line on standard output tells where it serves, and then it does") {
  const temporary_folder folder;
  const std::string data = folder / "data";
  serving_process server{data};
  const std::string port = std::to_string(server.port());
  const std::string pid = std::to_string(server.process().pid());
  CHECK(server.ready_line() == "holdfast " HOLDFAST_VERSION " ready on http://127.0.0.1:" + port + " (pid " +
                                   pid + ", data " + data + ", view embedded)");
  CHECK(get(server.port(), "/actuator/health/readiness").status == 200);
  CHECK(raw_client{server.port()}.exchange(placement()).status == 201);
  CHECK(server.terminate() == 0);
  CHECK(server.process().rest_of_output().empty());
}

TEST_CASE("no core file may be written, and the data folder is its owner's only") {
  const temporary_folder folder;
  serving_process server{folder / "deep/data"};
  CHECK(limit_of(server.process().pid(), "Max core file size") ==
        std::pair<std::string, std::string>("0", "0"));
  const auto descriptors = limit_of(server.process().pid(), "Max open files");
  CHECK(descriptors.first == descriptors.second);
  CHECK(std::filesystem::status(folder / "deep/data").permissions() == std::filesystem::perms::owner_all);
}

TEST_CASE("what is written into a folder that others may look into is not for them") {
  const temporary_folder folder;
  const auto data = folder.path() / "data";
  std::filesystem::create_directory(data);
  std::filesystem::permissions(data, std::filesystem::perms(0755));
  const auto before = ::umask(0022);
  {
    serving_process server(data);
    raw_client{server.port()}.exchange(placement());
    wait_for_first_reservation(server.port());
    CHECK(server.terminate() == 0);
  }
  process backup{{"journal", "backup", "--data", data.string(), folder / "data" + "/backup"}};
  CHECK(backup.wait_for_exit() == 0);
  ::umask(before);
  int files = 0;
  for (const auto& each : std::filesystem::recursive_directory_iterator(data)) {
    CAPTURE(each.path());
    ++files;
    CHECK((each.status().permissions() & std::filesystem::perms(0077)) == std::filesystem::perms::none);
  }
  CHECK(files > 20);
}

TEST_CASE("what can't be printed is a failure, however long it is") {
  const temporary_folder folder;
  for (const std::string arguments : {"manual", "completion", "--help", "serve --help", "--version",
                                      "doctor --listen 127.0.0.1:0 --data /tmp/holdfast-nowhere"}) {
    CAPTURE(arguments);
    const auto command = HOLDFAST_BINARY " " + arguments + " >/dev/full 2>" + folder / "errors";
    const int status = std::system(command.c_str());
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 1));
    std::ifstream file(folder / "errors");
    check_contains({std::istreambuf_iterator<char>(file), {}}, "standard output can't be written");
  }
}

TEST_CASE("a port in use ends the start with 1 and is named") {
  const temporary_folder folder;
  serving_process first{folder / "first"};
  const std::string address = "127.0.0.1:" + std::to_string(first.port());
  process second{{"serve", "--listen", address, "--data", folder / "second"}};
  CHECK(second.wait_for_exit() == 1);
  check_contains(second.errors(), std::to_string(first.port()));
  CHECK(second.rest_of_output().empty());
}

TEST_CASE("a data folder that another process uses ends the start with 1 and is named") {
  const temporary_folder folder;
  serving_process first{folder.path()};
  process second{{"serve", "--listen", "127.0.0.1:0", "--data", folder.path()}};
  CHECK(second.wait_for_exit() == 1);
  check_contains(second.errors(), folder.path().string() + " is in use");

  CHECK(get(first.port(), "/actuator/health").status == 200);
  first.kill();
  serving_process third{folder.path()};
  CHECK(third.terminate() == 0);
}

TEST_CASE("a data folder that can't be made ends the start with 1 and is named") {
  const temporary_folder folder;
  std::ofstream{folder / "file"} << "in the way\n";
  process refused{{"serve", "--listen", "127.0.0.1:0", "--data", folder / "file/data"}};
  CHECK(refused.wait_for_exit() == 1);
  check_contains(refused.errors(), folder / "file/data");
}

TEST_CASE("a data folder of another user ends the start with 1, and it says what to do") {
  const ordinary_user somebody;
  const temporary_folder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms::none);
  process refused{{"serve", "--listen", "127.0.0.1:0", "--data", folder.path()}};
  CHECK(refused.wait_for_exit() == 1);
  check_contains(refused.errors(), folder / "lock");
  check_contains(refused.errors(), "give the folder to the user that runs holdfast, or another --data");
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
}

TEST_CASE("SIGTERM and SIGINT end an idle server with 0") {
  const temporary_folder folder;
  for (const int signal : {SIGTERM, SIGINT}) {
    serving_process server{folder.path()};
    server.process().send(signal);
    CHECK(server.process().wait_for_exit() == 0);
  }
}

TEST_CASE("SIGHUP ends nothing where there is no terminal, also with nothing to read again") {
  const temporary_folder folder;
  serving_process server{folder.path()};
  server.process().send(SIGHUP);
  server.process().wait_for_error("are read again");
  CHECK(get(server.port(), "/actuator/health").status == 200);
  CHECK(server.terminate() == 0);
}

TEST_CASE("SIGTERM lets a placement under way finish, and nothing of it is lost") {
  const temporary_folder folder;
  {
    serving_process server{folder.path(), {"--sandbox-latency", "500ms"}};
    raw_client client{server.port()};
    client.send(placement());
    wait_for_first_reservation(server.port());
    server.process().send(SIGTERM);
    CHECK(client.read_response().status == 201);
    CHECK(server.process().wait_for_exit() == 0);
  }
  serving_process again{folder.path()};
  const auto found = get(again.port(), "/preReservations/1");
  CHECK(found.status == 200);
  check_contains(found.body, R"("status":"reservated")");
}

TEST_CASE("a second signal ends at once what still waits") {
  const temporary_folder folder;
  serving_process server{
      folder.path(),
      {"--sandbox-hang-after-charge-rate", "1", "--payment-timeout", "1m", "--payment-wait", "1m"}};
  raw_client client{server.port()};
  client.send(placement());
  wait_for_first_reservation(server.port());
  server.process().send(SIGTERM);
  server.process().wait_for_error("signal 15");
  CHECK_FALSE(server.process().has_ended());
  server.process().send(SIGTERM);
  CHECK(server.process().wait_for_exit() == 128 + SIGTERM);
}

TEST_CASE("a log that no terminal shows is one JSON object a line") {
  const temporary_folder folder;
  serving_process server{folder.path(), {"--log-level", "debug"}};
  CHECK(server.terminate() == 0);
  std::istringstream lines(server.process().errors());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    CAPTURE(line);
    rapidjson::Document entry;
    entry.Parse(line.c_str());
    CHECK_FALSE(entry.HasParseError());
    CHECK(entry.IsObject());
    for (const char* member : {"time", "level", "message"}) CHECK(entry.HasMember(member));
  }
  CHECK(count > 0);
}

TEST_CASE("the log can be text, and can be off") {
  const temporary_folder folder;
  serving_process text{folder.path(), {"--log-format", "text"}};
  CHECK(text.terminate() == 0);
  check_contains(text.process().errors(), " info ");

  serving_process off{folder.path(), {"--log-level", "off"}};
  CHECK(off.terminate() == 0);
  CHECK(off.process().errors().empty());
}

}  // namespace
}  // namespace holdfast::testing
