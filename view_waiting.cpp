#include "view_waiting.hpp"

#include <rapidjson/document.h>
#include <rapidjson/pointer.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <thread>

#include "progress.hpp"

namespace holdfast {

namespace {

using std::chrono::steady_clock;

/// The server has long begun by then.
constexpr std::chrono::milliseconds between_looks{200};
constexpr unsigned too_many_requests = 429;

/// Of Prometheus' text format, without labels.
std::optional<double> figure_in(std::string_view metrics, std::string_view name) {
  const auto line = "\n" + std::string(name) + " ";
  const auto at = metrics.find(line);
  if (at == std::string_view::npos) return std::nullopt;
  double figure = 0;
  const auto* digits = metrics.data() + at + line.size();
  const auto read = std::from_chars(digits, metrics.data() + metrics.size(), figure);
  return read.ec == std::errc() ? std::optional(figure) : std::nullopt;
}

bool view_is_up(const std::string& health) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(health.data(), health.size());
  if (document.HasParseError()) return false;
  const auto* status = rapidjson::Pointer("/components/view/status").Get(document);
  return status != nullptr && status->IsString() && std::string_view(status->GetString()) == "UP";
}

class waiting {
 public:
  waiting(http::admin_client& server, steady_clock::time_point since) : server_(server), since_(since) {}

  tl::expected<std::monostate, std::string> run() {
    for (bool whole = false; !whole;) {
      std::this_thread::sleep_for(between_looks);
      const auto looked_at = steady_clock::now();
      auto metrics = server_.ask("GET", "/metrics", {});
      if (!metrics) return tl::unexpected(std::move(metrics.error()));
      if (metrics->status == too_many_requests) continue;
      const auto records = figure_in(metrics->body, "holdfast_projection_lag_records");
      const auto seconds = figure_in(metrics->body, "holdfast_projection_lag_seconds");
      if (!records || !seconds) {
        return tl::unexpected("/metrics does not tell how far it is (status " +
                              std::to_string(metrics->status) + ")");
      }
      show(static_cast<std::uint64_t>(*records));
      // A view that is made anew lags since it was to be; one that is whole by a moment, under load.
      const std::chrono::duration<double> lag(*seconds);
      if (lag >= (looked_at - since_) / 2) continue;
      auto health = server_.ask("GET", "/actuator/health", {});
      if (!health) return tl::unexpected(std::move(health.error()));
      whole = view_is_up(health->body);
    }
    return {};
  }

 private:
  void show(std::uint64_t lag) {
    if (!bar_ && lag == 0) return;
    if (!bar_) bar_.emplace("records", total_ = lag);
    bar_->reached(total_ - std::min(lag, total_));
  }

  http::admin_client& server_;
  const steady_clock::time_point since_;
  std::uint64_t total_ = 0;
  std::optional<progress> bar_;
};

}  // namespace

tl::expected<std::monostate, std::string> wait_for_view(http::admin_client& server,
                                                        steady_clock::time_point since) {
  return waiting(server, since).run();
}

}  // namespace holdfast
