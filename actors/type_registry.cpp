#include "actors/type_registry.hpp"

#include "actors/messages.hpp"

namespace holdfast::actors {

void register_messages(caf::actor_system_config& config) {
  config.add_message_type<place_reservation>("place_reservation");
  config.add_message_type<placement_answer>("placement_answer");
  config.add_message_type<replay_placement>("replay_placement");
  config.add_message_type<cancel_reservation>("cancel_reservation");
  config.add_message_type<cancellation_answer>("cancellation_answer");
  config.add_message_type<operator_command>("operator_command");
  config.add_message_type<operation_answer>("operation_answer");
  config.add_message_type<issue_receipt>("issue_receipt");
  config.add_message_type<void_receipt>("void_receipt");
  config.add_message_type<receipt_answer>("receipt_answer");
}

}  // namespace holdfast::actors
