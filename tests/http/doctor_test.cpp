// `holdfast doctor` as a process: it finds what is well, what is not, and says what to do.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "tests/support/api_key_file.hpp"
#include "tests/support/ordinary_user.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/process.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/sandbox_process.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/tls_client.hpp"
#include "tests/support/token_signer.hpp"

namespace holdfast::testing {
namespace {

/// On a port of its own where the flags name none: something may listen on the usual one.
void check_finding(const temporary_folder& folder, std::vector<std::string> flags, int code,
                   const std::vector<std::string>& findings) {
  std::vector<std::string> arguments{"doctor", "--data", folder / "shop"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  if (std::find(flags.begin(), flags.end(), "--listen") == flags.end()) {
    arguments.insert(arguments.end(), {"--listen", "127.0.0.1:0"});
  }
  holdfast::testing::process child(std::move(arguments));
  const auto output = child.rest_of_output();
  CAPTURE(output);
  CHECK(child.wait_for_exit() == code);
  for (const auto& finding : findings) {
    CAPTURE(finding);
    CHECK((output + child.errors()).find(finding) != std::string::npos);
  }
}

TEST_CASE("a healthy place has no faults, and is left as it was") {
  const temporary_folder folder;
  const postgres_database database;
  redis_server redis;
  sandbox_process provider;
  const auto url = "redis://127.0.0.1:" + std::to_string(redis.port()) + "/0";
  const std::vector<std::string> shared{"--journal", database.url(), "--view",      url, "--events",
                                        url,         "--payment",    provider.url()};
  check_finding(folder, shared, 0,
                {"ok    configuration: accepted", "free in", "for a sync in", "PostgreSQL, shards 0-255: 15",
                 "ok    listen: 127.0.0.1:0 is free", "view: Redis 7", "events: Redis 7",
                 "payment provider: " + provider.url() + " answers with status 200", "0 faults"});
  auto node = shared;
  node.insert(node.end(), {"--node-listen", "127.0.0.1:" + std::to_string(redis.port())});
  check_finding(folder, node, 1,
                {"BAD   node-listen: cannot listen on " + node.back() + ": Address already in use",
                 "end what listens there, or give another --node-listen", "1 faults"});
  CHECK(std::filesystem::is_empty(folder.path()));
  CHECK(run_sql(database.url(), "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'holdfast%'") == "0");
}

TEST_CASE("what is missing is a fault, with what to do about it") {
  const temporary_folder folder;
  check_finding(folder, {"--view", "redis://127.0.0.1:1/0", "--payment", "http://127.0.0.1:1"}, 1,
                {"BAD   view: Redis at 127.0.0.1:1", "see that it runs and that the URL names it",
                 "BAD   payment provider: http://127.0.0.1:1 can't be reached", "2 faults"});
  check_finding(folder, {"--journal", "postgres://nobody@127.0.0.1:1/none"}, 1,
                {"BAD   PostgreSQL", "see that the server runs and that --journal names it"});
  check_finding(folder, {"--payment-wait", "soon"}, 2, {"--payment-wait = 'soon' is not accepted"});
}

TEST_CASE("a database that Redis does not have is a fault") {
  const temporary_folder folder;
  redis_server redis;
  const auto url = "redis://127.0.0.1:" + std::to_string(redis.port()) + "/99";
  check_finding(folder, {"--view", url, "--events", url}, 1,
                {"BAD   view: Redis at 127.0.0.1:", "BAD   events: Redis at 127.0.0.1:",
                 "database 99: ERR DB index is out of range", "2 faults"});
}

TEST_CASE("a port that something else listens on is a fault") {
  const temporary_folder folder;
  sandbox_process other;
  const auto address = other.url().substr(std::string("http://").size());
  check_finding(folder, {"--listen", address}, 1,
                {"BAD   listen: cannot listen on " + address + ": Address already in use",
                 "end what listens there, or give another --listen", "1 faults"});
}

TEST_CASE("a data folder into which a restore was broken off is a fault") {
  const temporary_folder folder;
  std::filesystem::create_directory(folder / "shop");
  std::ofstream(folder / "shop/restoring").flush();
  check_finding(folder, {}, 1,
                {"BAD   data folder: a restore into " + (folder / "shop") +
                     " was broken off: remove the folder, and restore again",
                 "1 faults"});
}

TEST_CASE("a journal in the data folder that is not for this user is a fault") {
  const ordinary_user somebody;
  const temporary_folder folder;
  const auto journal = folder.path() / "shop" / "receipts";
  std::filesystem::create_directories(journal);
  std::filesystem::permissions(journal, std::filesystem::perms::none);
  check_finding(folder, {}, 1,
                {"BAD   data folder: can't write " + journal.string() +
                     ": Permission denied; give the folder to the user that runs holdfast, or another --data",
                 "1 faults"});
  check_finding(folder, {"--journal", "postgres://nobody@127.0.0.1:1/none"}, 1, {" is free", "1 faults"});
  std::filesystem::permissions(journal, std::filesystem::perms::owner_all);
  check_finding(folder, {}, 0, {" is free"});
}

TEST_CASE("a collector of spans that does not take them is a warning") {
  const temporary_folder folder;
  scripted_server collector([](const scripted_request& request) {
    const bool spans = request.method == "POST" && request.target == "/v1/traces";
    return scripted_action{http_bytes(spans ? 200 : 404, "{}")};
  });
  const auto url = "http://127.0.0.1:" + std::to_string(collector.port());
  check_finding(folder, {"--otlp-endpoint", url}, 0,
                {"ok    collector of spans: " + url + " answers with status 200"});
  check_finding(folder, {"--otlp-endpoint", "http://127.0.0.1:1"}, 0,
                {"collector of spans: can't connect to http://127.0.0.1:1", "--otlp-endpoint names it"});
}

TEST_CASE("the payment provider is asked with its key, and one that it refuses is a fault") {
  const temporary_folder folder;
  scripted_server provider([](const scripted_request& request) {
    const bool known = request.has_line("Authorization: Bearer sk_right");
    return scripted_action{http_bytes(known ? 200 : 401, "{}")};
  });
  const auto url = "http://127.0.0.1:" + std::to_string(provider.port());
  check_finding(folder, {"--payment", url, "--payment-key", "sk_right"}, 0,
                {"ok    payment provider: " + url + " answers with status 200"});
  check_finding(folder, {"--payment", url, "--payment-key", "sk_wrong"}, 1,
                {"BAD   payment provider: " + url + " answers with status 401",
                 "give its key as HOLDFAST_PAYMENT_KEY", "1 faults"});
}

TEST_CASE("a server that is no payment provider is a fault") {
  const temporary_folder folder, shop;
  serving_process other(shop.path());
  const auto url = "http://127.0.0.1:" + std::to_string(other.port());
  check_finding(
      folder, {"--payment", url}, 1,
      {"BAD   payment provider: " + url + " answers with status 404", "--payment names a provider"});
}

/// What is in the folder, by path.
std::set<std::string> all_in(const std::filesystem::path& folder) {
  std::set<std::string> paths;
  for (const auto& each : std::filesystem::recursive_directory_iterator(folder)) {
    paths.insert(each.path().string());
  }
  return paths;
}

TEST_CASE("a data folder is left as it was, in use or not") {
  const temporary_folder folder;
  std::filesystem::create_directory(folder / "shop");
  check_finding(folder, {}, 0, {"ok    data folder: ", " is free"});
  CHECK(all_in(folder.path()) == std::set<std::string>{folder / "shop"});
  {
    serving_process server(folder / "shop");
    check_finding(folder, {"--listen", "127.0.0.1:" + std::to_string(server.port())}, 0,
                  {" is in use by a process"});
    server.terminate();
  }
  const auto before = all_in(folder.path());
  check_finding(folder, {}, 0, {" is free"});
  CHECK(all_in(folder.path()) == before);
}

TEST_CASE("credentials that would do are well, and what is wrong with others is told") {
  const temporary_folder folder;
  api_key_file keys;
  keys.add("olaf", "operator");
  const token_signer signer(R_JWA_ALG_ES256, R_KEY_TYPE_EC, 256, "one");
  const auto jwks = folder / "jwks.json";
  std::ofstream(jwks) << key_set_of({signer.public_key()});
  const certificate_files mine("mine"), others("other");
  using perms = std::filesystem::perms;
  for (const auto& path : {keys.path(), std::string(jwks), mine.key()}) {
    std::filesystem::permissions(path, perms::owner_read | perms::owner_write);
  }
  const auto flags = [&](const std::string& key) {
    return std::vector<std::string>{"--auth",          "keys,jwt", "--auth-keys",       keys.path(),
                                    "--auth-jwks",     jwks,       "--auth-issuer",     "https://id.test",
                                    "--auth-audience", "holdfast", "--tls-certificate", mine.certificate(),
                                    "--tls-key",       key};
  };
  // It counts for two days.
  check_finding(folder, flags(mine.key()), 0,
                {"ok    API keys: " + keys.path() + ", mode 0600",
                 "ok    JWK set: ", "WARN  certificate: " + mine.certificate() + " and its key, days left: ",
                 "put a new one in its place soon", "0 faults"});

  std::filesystem::permissions(keys.path(), perms::group_write, std::filesystem::perm_options::add);
  std::filesystem::permissions(mine.key(), perms::others_read, std::filesystem::perm_options::add);
  std::ofstream(jwks) << "{";
  check_finding(folder, flags(mine.key()), 1,
                {"BAD   API keys: " + keys.path() + ", mode 0620: others than its owner may write to it",
                 "chmod go-w", "BAD   JWK set: " + std::string(jwks), "WARN  certificate: " + mine.key(),
                 "the key is not its owner's alone", "2 faults"});

  keys.write("nonsense\n");
  check_finding(folder, flags(others.key()), 1,
                {"BAD   API keys: " + keys.path() + " line 2: give HASH NAME ROLE",
                 "BAD   certificate: the key " + others.key() + " can't be used with it", "3 faults"});
}

TEST_CASE("a certificate that has expired, or does not count yet, is a fault") {
  const temporary_folder folder;
  const auto pem = folder / "certificate.pem";
  const auto key = folder / "key.pem";
  const auto made = [&](const std::string& from, const std::string& until) {
    // openssl req takes no dates; openssl x509 none but today's.
    const auto request =
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=shop"
        " -keyout " +
        std::string(key) + " -out " + std::string(folder / "request") + " 2>/dev/null";
    std::ofstream(folder / "index").flush();
    std::ofstream(folder / "serial") << "01";
    std::ofstream(folder / "ca.conf")
        << "[ca]\ndefault_ca=x\n[x]\npolicy=p\ndatabase=" << folder / "index"
        << "\nserial=" << folder / "serial"
        << "\nnew_certs_dir=" << folder.path().string() << "\ndefault_md=sha256\n[p]\ncommonName=supplied\n";
    const auto sign = "openssl ca -batch -selfsign -notext -config " + std::string(folder / "ca.conf") +
                      " -keyfile " + std::string(key) + " -startdate " + from + " -enddate " + until +
                      " -in " + std::string(folder / "request") + " -out " + std::string(pem) +
                      " 2>/dev/null";
    REQUIRE(std::system((request + " && " + sign).c_str()) == 0);
    return std::vector<std::string>{"--tls-certificate", pem, "--tls-key", key};
  };
  check_finding(folder, made("20200101000000Z", "20210101000000Z"), 1,
                {"BAD   certificate: " + std::string(pem) + " has expired"});
  check_finding(folder, made("20900101000000Z", "20910101000000Z"), 1,
                {"BAD   certificate: " + std::string(pem) + " does not count yet"});
}

}  // namespace
}  // namespace holdfast::testing
