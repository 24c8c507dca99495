#include "http/event_query.hpp"

#include <utility>

#include "http/ascii.hpp"
#include "http/parameter.hpp"

namespace holdfast::http {

namespace {

std::string list_of_types() {
  std::string list;
  for (const auto name : published_types) {
    if (!list.empty()) list += ", ";
    list += name;
  }
  return list;
}

tl::expected<std::bitset<published_types.size()>, problem> read_types(std::string_view query) {
  auto text = read_parameter(query, "type");
  if (!text) return tl::unexpected(std::move(text.error()));
  std::bitset<published_types.size()> types;
  if (!*text) return types.set();
  // Behind the last comma there has to be one too.
  bool more = true;
  for (std::string_view left = **text; more;) {
    more = left.find(',') != left.npos;
    const auto [name, rest] = ascii::split(left, ',');
    left = rest;
    const auto type = event_type_named(name);
    if (!type) {
      return refused_input(fault::invalid_parameter,
                           "The parameter type has to be a list, with commas, of " + list_of_types() + ".");
    }
    types.set(*type);
  }
  return types;
}

/// Whether from the beginning on.
tl::expected<bool, problem> read_from(std::string_view query) {
  auto text = read_parameter(query, "from");
  if (!text) return tl::unexpected(std::move(text.error()));
  if (*text && **text != "beginning" && **text != "now") {
    return refused_input(fault::invalid_parameter, "The parameter from has to be beginning or now.");
  }
  return *text == "beginning";
}

}  // namespace

tl::expected<event_query, problem> read_event_query(std::string_view query, std::string_view last_event_id,
                                                    std::string_view store_id,
                                                    std::optional<std::uint64_t> only_user) {
  event_query wanted;
  auto user = read_user(query, only_user);
  if (!user) return tl::unexpected(std::move(user.error()));
  wanted.filter.user_id = only_user ? only_user : *user;
  auto types = read_types(query);
  if (!types) return tl::unexpected(std::move(types.error()));
  wanted.filter.types = *types;
  const auto beginning = read_from(query);
  if (!beginning) return tl::unexpected(beginning.error());
  if (*beginning) wanted.from = storage::journal_place(storage::shard_count, 0);
  if (last_event_id.empty()) return wanted;
  wanted.from = storage::journal_place_of(last_event_id, store_id);
  if (!wanted.from) {
    return refused_input(fault::invalid_header,
                         "The header Last-Event-ID has to be the id of an event from this store, unchanged. "
                         "Leave it out to go on from now, or ask for ?from=beginning.");
  }
  return wanted;
}

}  // namespace holdfast::http
