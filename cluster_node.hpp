// What makes `holdfast serve` a node of a cluster: its options, its certificates and its membership, by its
// settings. Functions of the composition root; main thread.
#pragma once

#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "actors/engine.hpp"
#include "configuration.hpp"
#include "storage/membership.hpp"

namespace holdfast {

/// With a name that no other node and no other run of this one has.
actors::node_options node_options_of(const configuration& settings);

/// In the first of the journal's databases, and null without a cluster; or what is in the way, the
/// certificates included.
tl::expected<std::unique_ptr<storage::membership>, std::string> open_membership(
    const configuration& settings);

}  // namespace holdfast
