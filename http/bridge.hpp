// Between the event loop and the actors: commands go to the engine, their answers come back to the
// loop. Threading: used on the loop only, destroyed before it; the engine outlives it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "actors/engine.hpp"
#include "http/loop_callbacks.hpp"

namespace holdfast::http {

class bridge {
 public:
  bridge(actors::engine& engine, boost::asio::io_context& loop);

  /// `done` is called once on the loop, or never if the bridge goes first.
  void place(actors::placement_request&& wanted, std::function<void(actors::placement_answer)> done);
  void cancel(domain::reservation_id id, std::optional<std::uint64_t> of_user,
              const tracing::trace_context& trace, std::function<void(actors::cancellation_answer)> done);

 private:
  actors::engine& engine_;
  loop_callbacks<actors::placement_answer> placements_;
  loop_callbacks<actors::cancellation_answer> cancellations_;
};

}  // namespace holdfast::http
