#include "actors/receipt.hpp"

#include <utility>

namespace holdfast::actors {

void receipt_state::try_step() {
  try_receipt(
      self_, desk, order_,
      [this](receipt_answer& answer) {
        end(receipt_ended{order_.attempt, std::move(answer)});
      },
      [this](caf::error&) { again(desk_is_away); });
}

receipt_actor::behavior_type receipt(receipt_state::self_pointer self, receipt_order order, step_retry retry,
                                     surroundings_ptr around, reservation_actor parent,
                                     receipt_desk_actor desk) {
  self->state.desk = std::move(desk);
  return self->state.start(self, order, retry, std::move(around), std::move(parent));
}

}  // namespace holdfast::actors
