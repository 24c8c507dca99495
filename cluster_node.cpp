#include "cluster_node.hpp"

#include <unistd.h>

#include <optional>
#include <random>
#include <utility>

#include "actors/node_certificates.hpp"
#include "storage/postgres_membership.hpp"

namespace holdfast {

namespace {

/// What a charge that is out takes beyond the provider's time.
constexpr std::chrono::milliseconds charge_margin{200};

/// One that is alone would claim every shard of a cluster's, over and over.
std::optional<std::string> refuse_to_push_in(const configuration& settings,
                                             const storage::postgres_options& options) {
  if (settings.journal.empty()) return std::nullopt;
  const auto members = storage::postgres_membership::count_members(options);
  if (!members) return members.error();
  if (*members == 0) return std::nullopt;
  return "--journal: it is that of a cluster of " + std::to_string(*members) +
         " nodes, which share it out among them: give --node-listen to join it, or end them first";
}

}  // namespace

actors::node_options node_options_of(const configuration& settings) {
  actors::node_options node;
  if (!settings.node.listen) return node;
  const auto& [address, port] = *settings.node.listen;
  // Of two runs of one node at most one has the process and the address, but one may follow the other.
  node.name = address + ":" + std::to_string(port) + "/" + std::to_string(::getpid()) + "/" +
              std::to_string(std::random_device{}());
  node.address = address;
  node.port = port;
  node.roles = settings.node.roles.of_shards;
  if (settings.node.has_certificates()) {
    node.certificates = {settings.node.certificate, settings.node.key, settings.node.authority};
  }
  // A charge that is out takes two exchanges with the provider, and would be undone by the next owner.
  node.hand_over_wait = 2 * settings.payment_timeout + charge_margin;
  return node;
}

tl::expected<std::unique_ptr<storage::membership>, std::string> open_membership(
    const configuration& settings) {
  storage::postgres_options options;
  options.schema = "holdfast_cluster";
  if (!settings.journal.empty()) options.url = settings.journal.front().url;
  if (!settings.node.listen) {
    if (auto refused = refuse_to_push_in(settings, options)) return tl::unexpected(std::move(*refused));
    return nullptr;
  }
  const auto node = node_options_of(settings);
  if (node.certificates) {
    if (const auto wrong = actors::check_certificates(*node.certificates)) {
      return tl::unexpected("--node-certificate, --node-key, --node-authority: " + *wrong);
    }
  }
  auto opened = storage::postgres_membership::open(std::move(options), settings.node.lease);
  if (!opened) return tl::unexpected(std::move(opened.error()));
  return std::move(*opened);
}

}  // namespace holdfast
