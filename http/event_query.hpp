// What a client of /events wants: which events, and from where on. Pure functions.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "http/event_document.hpp"
#include "http/message.hpp"
#include "http/problem.hpp"
#include "storage/journal_place.hpp"

namespace holdfast::http {

struct event_filter {
  /// Of one customer.
  std::optional<std::uint64_t> user_id;
  std::bitset<published_types.size()> types = std::bitset<published_types.size()>().set();

  bool takes(event_type type, std::uint64_t user) const {
    return types.test(type) && (!user_id || *user_id == user);
  }
};

struct event_query {
  event_filter filter;
  /// Behind which place; nothing for what comes from now on.
  std::optional<storage::journal_place> from;
};

/// `userId=1`, `type=PaymentCreated,ReceiptCreated`, `from=beginning`, and the Last-Event-ID, which counts
/// for more than `from`: it comes with a client's further attempts, at the address of its first one. Unknown
/// parameters are ignored. Where there are events of one user only, to the one who asks, another's are
/// refused. The problem's `instance` is left to the caller.
tl::expected<event_query, problem> read_event_query(std::string_view query, std::string_view last_event_id,
                                                    std::string_view store_id,
                                                    std::optional<std::uint64_t> only_user = {});

}  // namespace holdfast::http
