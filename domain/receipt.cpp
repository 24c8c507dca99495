#include "domain/receipt.hpp"

namespace holdfast::domain::receipts {

namespace {

decision decide_issue(const receipt& state, const issue& command, timestamp now) {
  if (state.status == status::voided) return {{}, rejection::already_void};
  if (state.status == status::issued) return {};
  if (command.next_number == 0) return {{}, rejection::number_missing};
  return {{issued{now, command.next_number, command.expected_delivery_at}}, rejection::none};
}

decision decide_void(const receipt& state, timestamp now) {
  if (state.status == status::voided) return {};
  return {{voided{now}}, rejection::none};
}

}  // namespace

decision decide(const receipt& state, const command& command, timestamp now) {
  if (auto* wish = std::get_if<issue>(&command)) return decide_issue(state, *wish, now);
  return decide_void(state, now);
}

receipt evolve(receipt state, const event& event) {
  if (auto* e = std::get_if<issued>(&event)) {
    state.status = status::issued;
    state.number = e->number;
    state.expected_delivery_at = e->expected_delivery_at;
    state.modified_at = e->at;
  } else {
    state.status = status::voided;
    state.modified_at = std::get<voided>(event).at;
  }
  ++state.version;
  return state;
}

std::string receipt_no(std::uint32_t book, std::uint64_t number) {
  return std::to_string(book) + "-" + std::to_string(number);
}

}  // namespace holdfast::domain::receipts
