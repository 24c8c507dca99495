// What operators do: they list sagas, read their stories, and have them retried or cancelled, one by one or
// many at once; they hold the breaker, have the view made anew, and set the log's level. Who and why is in
// the reservation's journal, or, where no reservation is concerned, in the log. Threading: one for each event
// loop, used on that loop only, destroyed before it and before its ports.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>

#include "actors/engine.hpp"
#include "http/client.hpp"
#include "http/loop_callbacks.hpp"
#include "http/message.hpp"
#include "http/router.hpp"
#include "http/saga_walk.hpp"

namespace holdfast::http {

class admin {
 public:
  admin(actors::engine& engine, storage::journal& journal, boost::asio::io_context& loop)
      : engine_(engine), sagas_(journal, loop), operations_(loop) {}

  void handle(client client, const route& route, const request& request, respond done);

 private:
  class bulk;

  void list(client client, const request& request, respond done);
  void tell(client client, domain::reservation_id id, respond done);
  void operate(client client, domain::reservation_id id, domain::operator_action action,
               const request& request, respond done);
  void operate_on_many(client client, domain::operator_action action, const request& request, respond done);
  response hold_breaker(const client& client, const request& request);
  response rebuild_view(const client& client, const request& request);
  response set_log_level(const client& client, const request& request);

  actors::engine& engine_;
  saga_reader sagas_;
  loop_callbacks<actors::operation_answer> operations_;
};

}  // namespace holdfast::http
