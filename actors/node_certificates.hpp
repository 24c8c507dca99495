// Whether a node's certificates do what they are for, looked at before the first connection needs them: CAF
// ends the process where one can't be read then. Reads the files; any thread.
#pragma once

#include <optional>
#include <string>

#include "actors/engine.hpp"

namespace holdfast::actors {

/// What is wrong with them, if anything: they can't be read, the key is another one's, or the authority has
/// not signed the certificate, for servers and for clients, since a node is both.
std::optional<std::string> check_certificates(const node_certificates& files);

}  // namespace holdfast::actors
