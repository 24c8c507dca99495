#include "http/client.hpp"

#include <spdlog/spdlog.h>

#include <utility>

#include "http/links.hpp"
#include "http/media_type.hpp"

namespace holdfast::http {

client client_of(const request& request) {
  return {.base = base_of(request.host, request.secure),
          .media_type = negotiate(request.accept),
          .path = request.path};
}

response refuse(const client& client, fault fault, std::string detail) {
  return render({.fault = fault,
                 .detail = std::move(detail),
                 .instance = client.path,
                 .errors = {},
                 .reservation_href = {}});
}

response refuse(const client& client, problem problem) {
  problem.instance = client.path;
  return render(problem);
}

response broken_records(const client& client, domain::reservation_id id, std::string_view why) {
  spdlog::error("the records of reservation {} can't be read: {}", id, why);
  return refuse(client, fault::internal,
                "The records of reservation " + std::to_string(id) +
                    " can't be read; whoever runs this service finds the reason in its log.");
}

}  // namespace holdfast::http
