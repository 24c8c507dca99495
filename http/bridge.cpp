#include "http/bridge.hpp"

#include <utility>

namespace holdfast::http {

bridge::bridge(actors::engine& engine, boost::asio::io_context& loop)
    : engine_(engine), placements_(loop), cancellations_(loop) {}

void bridge::place(actors::placement_request&& wanted, std::function<void(actors::placement_answer)> done) {
  engine_.place(std::move(wanted), placements_.expect(std::move(done)));
}

void bridge::cancel(domain::reservation_id id, std::optional<std::uint64_t> of_user,
                    const tracing::trace_context& trace,
                    std::function<void(actors::cancellation_answer)> done) {
  engine_.cancel(id, cancellations_.expect(std::move(done)), of_user, trace);
}

}  // namespace holdfast::http
