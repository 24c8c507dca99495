#include "span_sender.hpp"

#include <unistd.h>

#include <array>
#include <utility>

#include "http/server_trust.hpp"

namespace holdfast {

namespace {

/// No two runs have the same.
std::string instance_id() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return std::string(host.data()) + "/" + std::to_string(::getpid()) + "/" +
         tracing::span_id_text(tracing::random_id());
}

}  // namespace

tl::expected<std::unique_ptr<http::span_exporter>, std::string> make_span_exporter(
    const trace_configuration& traces) {
  if (!traces.collector) return nullptr;
  http::span_exporter_options options;
  options.collector.host = traces.collector->host;
  options.collector.port = traces.collector->port;
  options.collector.advise = false;
  options.resource = {HOLDFAST_VERSION, instance_id()};
  options.ratio = traces.ratio;
  if (traces.secure) {
    auto trust = http::trust_in("");
    if (!trust) return tl::unexpected(std::move(trust.error()));
    options.collector.trust = std::move(*trust);
  }
  return std::make_unique<http::span_exporter>(std::move(options));
}

}  // namespace holdfast
