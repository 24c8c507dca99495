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

tl::expected<http::server_address, std::string> address_of_collector(const trace_configuration& traces) {
  http::server_address address;
  address.host = traces.collector->host;
  address.port = traces.collector->port;
  address.advise = false;
  if (!traces.secure) return address;
  auto trust = http::trust_in("");
  if (!trust) return tl::unexpected(std::move(trust.error()));
  address.trust = std::move(*trust);
  return address;
}

tl::expected<std::unique_ptr<http::span_exporter>, std::string> make_span_exporter(
    const trace_configuration& traces) {
  if (!traces.collector) return nullptr;
  auto collector = address_of_collector(traces);
  if (!collector) return tl::unexpected(std::move(collector.error()));
  http::span_exporter_options options;
  options.collector = std::move(*collector);
  options.resource = {HOLDFAST_VERSION, instance_id()};
  options.ratio = traces.ratio;
  return std::make_unique<http::span_exporter>(std::move(options));
}

}  // namespace holdfast
