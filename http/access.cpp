#include "http/access.hpp"

namespace holdfast::http {

namespace {

bool changes_nothing(method method) {
  return method == method::get || method == method::head || method == method::options;
}

}  // namespace

bool is_open_to_all(const route& route) {
  switch (route.resource) {
    case resource::health:
    case resource::liveness:
    case resource::readiness:
    case resource::openapi:
      return true;
    default:
      return false;
  }
}

/// What is added later is for operators, and where it changes nothing for auditors, until it is said
/// otherwise.
bool may(role role, const route& route, method method) {
  switch (role) {
    case role::operator_:
      return true;
    case role::auditor:
      return changes_nothing(method);
    case role::customer:
      return is_for_customers(route) || is_open_to_all(route);
  }
  return false;
}

}  // namespace holdfast::http
