// A real Prometheus of the test's own on a free port of 127.0.0.1, which scrapes the given ports every 200 ms
// as its job `holdfast` and evaluates the given rules. Ended at the end of its scope, and by the kernel
// should the test die first. Used by one thread; what goes wrong is thrown.
#pragma once

#include <cctype>
#include <cstdint>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/http_client.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::testing {

class prometheus_server {
 public:
  prometheus_server(const std::vector<std::uint16_t>& ports, const std::string& rules) {
    std::ofstream configuration(folder_ / "prometheus.yml");
    configuration << "global: {scrape_interval: 200ms, evaluation_interval: 1s}\n"
                  << "rule_files: ['" << rules << "']\n"
                  << "scrape_configs:\n  - job_name: holdfast\n    static_configs:\n      - targets: [";
    for (const auto port : ports) configuration << "'127.0.0.1:" << port << "',";
    configuration << "]\n";
    configuration.close();
    const auto is_ready = [this] {
      try {
        return ask("/-/ready").status == 200;
      } catch (const std::exception&) {
        return false;
      }
    };
    server_ = std::make_unique<program>(
        std::vector<std::string>{"prometheus", "--config.file=" + (folder_ / "prometheus.yml"),
                                 "--storage.tsdb.path=" + (folder_ / "data"),
                                 "--web.listen-address=127.0.0.1:" + std::to_string(port_)});
    if (!eventually([&] { return is_ready() || server_->has_ended(); }) || server_->has_ended()) {
      throw std::runtime_error("prometheus does not start: " + server_->output());
    }
  }

  raw_response ask(const std::string& target) const { return http_client(port_).get(target); }

  /// How many series an expression has now.
  int series_of(const std::string& expression) const {
    const auto answer = ask("/api/v1/query?query=" + percent_encoded("count(" + expression + ")"));
    if (answer.status != 200) throw std::runtime_error(expression + ": " + answer.body);
    const auto count = json_at(answer, "/data/result/0/value/1");
    return count == "absent" ? 0 : std::stoi(text_at(answer, "/data/result/0/value/1"));
  }

 private:
  static std::string percent_encoded(const std::string& text) {
    constexpr const char* digits = "0123456789ABCDEF";
    std::string encoded;
    for (const unsigned char c : text) {
      if (std::isalnum(c)) {
        encoded += static_cast<char>(c);
      } else {
        encoded += {'%', digits[c >> 4], digits[c & 15]};
      }
    }
    return encoded;
  }

  const temporary_folder folder_;
  const std::uint16_t port_ = free_loopback_port();
  std::unique_ptr<program> server_;
};

}  // namespace holdfast::testing
