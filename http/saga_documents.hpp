// How sagas are shown to operators: in a list, and one with its whole story. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "actors/engine.hpp"
#include "http/client.hpp"
#include "http/message.hpp"
#include "http/saga_filter.hpp"
#include "http/saga_walk.hpp"

namespace holdfast::http {

response saga_page_response(const client& client, const saga_query& query, const saga_page& page);

/// With every event. `retried` is what this node's memory knows of it. Where there are no records it is a
/// 404.
response saga_response(const client& client, domain::reservation_id id, std::string_view records,
                       const std::optional<actors::retried_step>& retried);

/// "void_receipt"; empty for none.
std::string_view name_of(domain::step step);

}  // namespace holdfast::http
