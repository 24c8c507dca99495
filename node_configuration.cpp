#include "node_configuration.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "configuration.hpp"

namespace holdfast {

namespace {

constexpr std::chrono::seconds shortest_lease{2};
constexpr std::chrono::seconds longest_lease{60};

/// What is not there at all, in a file of settings too.
constexpr const char* absent = "none";

value_reader node_address_into(std::optional<socket_address>& into) {
  return [&into](const std::string& text) -> std::optional<std::string> {
    into.reset();
    if (text == absent) return std::nullopt;
    into = parse_socket_address(text);
    // It is what other nodes are told to connect to.
    if (into && into->address != "0.0.0.0" && into->address != "::") return std::nullopt;
    return "give none, or the IP address and port that other nodes reach this one at, such as "
           "10.0.0.1:9088 or [fd00::1]:9088";
  };
}

constexpr const char* all_roles = "gateway,reservation,receipt,projection";

/// Where it is in the roles; null for what is no role.
bool* find_role(node_roles& roles, std::string_view name) {
  if (name == "gateway") return &roles.gateway;
  if (name == "reservation") return &roles.of_shards.reservation;
  if (name == "receipt") return &roles.of_shards.receipt;
  if (name == "projection") return &roles.of_shards.projection;
  return nullptr;
}

value_reader roles_into(node_roles& into) {
  return [&into](std::string_view text) -> std::optional<std::string> {
    node_roles roles{false, storage::no_roles};
    for (std::size_t begin = 0; begin <= text.size();) {
      const auto end = std::min(text.find(',', begin), text.size());
      auto* role = find_role(roles, text.substr(begin, end - begin));
      if (role == nullptr) return std::string("give some of ") + all_roles + ", with commas between them";
      *role = true;
      begin = end + 1;
    }
    into = roles;
    return std::nullopt;
  };
}

std::optional<std::string> refuse_part_of_certificates(const node_configuration& node,
                                                       const std::vector<given_value>& values) {
  const std::array<std::pair<const char*, const std::string*>, 3> files{
      {{"node-certificate", &node.certificate},
       {"node-key", &node.key},
       {"node-authority", &node.authority}}};
  const auto is_given = [](const auto& file) { return !file.second->empty(); };
  const auto given = std::find_if(files.begin(), files.end(), is_given);
  if (given == files.end() || std::all_of(files.begin(), files.end(), is_given)) return std::nullopt;
  return refusal_of(*given_as(given->first, values),
                    "give all three of --node-certificate, --node-key and --node-authority, or none");
}

}  // namespace

std::vector<setting> node_settings(node_configuration& into) {
  return {
      {"node-listen", "HOST:PORT", absent, "Address that the other nodes of a cluster reach this one at",
       node_address_into(into.listen)},
      {"lease", "DURATION", "5s", "How long a node of a cluster that is silent keeps its shards",
       duration_into(into.lease, shortest_lease, longest_lease, "give a duration from 2s to 1m, such as 5s")},
      {"roles", "ROLES", all_roles, "What this node of a cluster does; the rest others do",
       roles_into(into.roles)},
      {"node-certificate", "FILE", absent, "Certificate (PEM) that this node shows to the others, over TLS",
       file_into(into.certificate, "a PEM file")},
      {"node-key", "FILE", absent, "Its private key (PEM)", file_into(into.key, "a PEM file")},
      {"node-authority", "FILE", absent, "Whose certificates (PEM) are accepted from other nodes",
       file_into(into.authority, "a PEM file")},
  };
}

std::optional<std::string> refuse_node(const configuration& whole, const std::vector<given_value>& values) {
  if (auto refused = refuse_part_of_certificates(whole.node, values)) return refused;
  if (!whole.node.listen) {
    if (whole.node.roles == node_roles{}) return std::nullopt;
    return refusal_of(*given_as("roles", values),
                      "without --node-listen there is nobody who would do the rest: leave it out");
  }
  const auto refuse_for = [&](const std::string& why) {
    return refusal_of(*given_as("node-listen", values), why);
  };
  if (whole.journal.empty()) {
    return refuse_for("nodes share their journal: give --journal postgres://USER@HOST:PORT/DATABASE too");
  }
  if (!whole.redis) return refuse_for("nodes share their view: give --view redis://HOST:PORT/DB too");
  if (!whole.provider) {
    return refuse_for("nodes share their payment provider: give --payment http://HOST:PORT too");
  }
  if (!is_loopback(*whole.node.listen) && !whole.node.has_certificates()) {
    return refuse_for(
        "beyond this machine nodes have to know each other: give --node-certificate, --node-key and "
        "--node-authority too");
  }
  return std::nullopt;
}

}  // namespace holdfast
