#include "storage/redis_options.hpp"

#include <doctest/doctest.h>

using holdfast::storage::parse_redis_url;

TEST_CASE("a URL of Redis names host, port and database") {
  struct {
    const char* url;
    const char* host;
    int port;
    unsigned database;
  } const table[] = {
      {"redis://127.0.0.1:6380/2", "127.0.0.1", 6380, 2},
      {"redis://cache", "cache", 6379, 0},
      {"redis://cache:1", "cache", 1, 0},
      {"redis://cache/", "cache", 6379, 0},
      {"redis://cache/15", "cache", 6379, 15},
      {"redis://[::1]:6380/1", "::1", 6380, 1},
      {"redis://[::1]", "::1", 6379, 0},
  };
  for (const auto& [url, host, port, database] : table) {
    CAPTURE(url);
    const auto options = parse_redis_url(url);
    REQUIRE(options.has_value());
    CHECK(options->host == host);
    CHECK(options->port == port);
    CHECK(options->database == database);
  }
}

TEST_CASE("a wrong URL of Redis is refused with what is wrong") {
  struct {
    const char* url;
    const char* says;
  } const table[] = {
      {"", "redis://"},
      {"rediss://cache:6379", "redis://"},
      {"cache:6379", "redis://"},
      {"redis://", "host"},
      {"redis://:6379", "host"},
      {"redis:///1", "host"},
      {"redis://cache:", "port ''"},
      {"redis://cache:x", "port 'x'"},
      {"redis://cache:0", "port '0'"},
      {"redis://cache:65536", "port '65536'"},
      {"redis://cache:-1", "port '-1'"},
      {"redis://::1:6379", "host"},
      {"redis://cache/x", "database 'x'"},
      {"redis://cache/1/2", "database '1/2'"},
      {"redis://cache/4294967296", "database"},
      {"redis://cache:6379/0?timeout=1", "nothing may follow"},
  };
  for (const auto& [url, says] : table) {
    CAPTURE(url);
    const auto options = parse_redis_url(url);
    REQUIRE(!options.has_value());
    CHECK(options.error().find(says) != std::string::npos);
  }
}

TEST_CASE("a password in the URL is refused and not repeated") {
  const auto options = parse_redis_url("redis://user:hunter2@cache:6379");
  REQUIRE(!options.has_value());
  CHECK(options.error().find("password") != std::string::npos);
  CHECK(options.error().find("hunter2") == std::string::npos);
}
