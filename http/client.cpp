#include "http/client.hpp"

#include <spdlog/spdlog.h>

#include <utility>

#include "http/links.hpp"
#include "http/media_type.hpp"
#include "tracing/logged_trace.hpp"

namespace holdfast::http {

client client_of(const request& request) {
  return {.base = base_of(request.host, request.secure),
          .media_type = negotiate(request.accept),
          .path = request.path,
          .trace = request.trace};
}

response refuse(const client& client, fault fault, std::string detail) {
  return render({.fault = fault,
                 .detail = std::move(detail),
                 .instance = client.path,
                 .errors = {},
                 .reservation_href = {},
                 .trace = client.trace});
}

response refuse(const client& client, problem problem) {
  problem.instance = client.path;
  if (!problem.trace.present()) problem.trace = client.trace;
  return render(problem);
}

response broken_records(const client& client, domain::reservation_id id, std::string_view why) {
  // Whoever has the answer finds the line by it.
  const auto trace = client.trace.present() ? client.trace : tracing::begin_trace();
  const tracing::logged_trace about(trace);
  spdlog::error("the records of reservation {} can't be read: {}", id, why);
  return refuse(client, problem{.fault = fault::internal,
                                .detail = "The records of reservation " + std::to_string(id) +
                                          " can't be read; whoever runs this service finds the reason in its "
                                          "log.",
                                .instance = {},
                                .errors = {},
                                .reservation_href = {},
                                .trace = trace});
}

}  // namespace holdfast::http
