#include "cluster_node.hpp"

#include <unistd.h>

#include <random>
#include <utility>

#include "actors/node_certificates.hpp"
#include "storage/postgres_membership.hpp"

namespace holdfast {

actors::node_options node_options_of(const node_configuration& settings) {
  actors::node_options node;
  if (!settings.listen) return node;
  const auto& [address, port] = *settings.listen;
  // Of two runs of one node at most one has the process and the address, but one may follow the other.
  node.name = address + ":" + std::to_string(port) + "/" + std::to_string(::getpid()) + "/" +
              std::to_string(std::random_device{}());
  node.address = address;
  node.port = port;
  node.roles = settings.roles.of_shards;
  if (settings.has_certificates())
    node.certificates = {settings.certificate, settings.key, settings.authority};
  return node;
}

tl::expected<std::unique_ptr<storage::membership>, std::string> open_membership(
    const configuration& settings) {
  if (!settings.node.listen) return nullptr;
  const auto node = node_options_of(settings.node);
  if (node.certificates) {
    if (const auto wrong = actors::check_certificates(*node.certificates)) {
      return tl::unexpected("--node-certificate, --node-key, --node-authority: " + *wrong);
    }
  }
  storage::postgres_options options;
  options.url = settings.journal.front().url;
  options.schema = "holdfast_cluster";
  auto opened = storage::postgres_membership::open(std::move(options), settings.node.lease);
  if (!opened) return tl::unexpected(std::move(opened.error()));
  return std::move(*opened);
}

}  // namespace holdfast
