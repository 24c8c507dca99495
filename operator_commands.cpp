#include "operator_commands.hpp"

#include <rapidjson/document.h>
#include <rapidjson/pointer.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/admin_client.hpp"
#include "operator_configuration.hpp"
#include "progress.hpp"
#include "record_printer.hpp"
#include "view_waiting.hpp"

namespace holdfast {

namespace {

/// Rows that are asked for at once.
constexpr std::uint32_t largest_page = 1000;

/// The server refused, or what it says is nothing that it should say.
struct refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

const rapidjson::Value* find(const rapidjson::Value& in, const char* pointer) {
  return rapidjson::Pointer(pointer).Get(in);
}

std::string text_at(const rapidjson::Value& in, const char* pointer) {
  const auto* found = find(in, pointer);
  return found == nullptr ? std::string() : plain_text(*found);
}

/// What follows behind the host.
std::string target_of(const std::string& href) {
  const auto scheme = href.find("://");
  if (scheme == std::string::npos) return href;
  const auto path = href.find('/', scheme + 3);
  return path == std::string::npos ? "/" : href.substr(path);
}

const std::vector<column> reservation_columns{{"id", "/id"},
                                              {"user", "/userId"},
                                              {"status", "/status"},
                                              {"payment", "/paymentStatus"},
                                              {"receipt", "/receiptStatus"},
                                              {"product", "/productName"},
                                              {"price", "/price"},
                                              {"currency", "/currency"},
                                              {"card", "/cardNo"},
                                              {"receiptNo", "/receiptNo"},
                                              {"cancelReason", "/cancelReason"},
                                              {"createdAt", "/createdAt"},
                                              {"modifiedAt", "/modifiedAt"}};
/// Of CSV, which programs read: the fields of the document.
std::vector<column> fields_of_reservation() {
  std::vector<column> columns;
  for (const std::string name :
       {"id", "userId", "userAddress", "productId", "productName", "price", "currency", "cardNo", "status",
        "cancelReason", "createdAt", "modifiedAt", "paymentStatus", "receiptStatus", "receiptNo",
        "expectedDeliveryAt", "version", "history"}) {
    columns.push_back({name, "/" + name});
  }
  return columns;
}
const std::vector<column> saga_columns{{"id", "/id"},
                                       {"user", "/userId"},
                                       {"state", "/state"},
                                       {"step", "/step"},
                                       {"status", "/status"},
                                       {"payment", "/paymentStatus"},
                                       {"modifiedAt", "/modifiedAt"},
                                       {"parkedBecause", "/parkedBecause"}};
const std::vector<column> event_columns{{"version", "/version"},   {"at", "/at"},
                                        {"event", "/event"},       {"who", "/who"},
                                        {"reason", "/reason"},     {"transaction", "/transactionId"},
                                        {"receipt", "/receiptNo"}, {"refund", "/refundId"}};
const std::vector<column> breaker_columns{
    {"state", "/state"},           {"held", "/heldByOperator"},      {"failureRate", "/failureRate"},
    {"slowRate", "/slowCallRate"}, {"underWay", "/callsUnderWay"},   {"calls", "/bufferedCalls"},
    {"failed", "/failedCalls"},    {"refused", "/notPermittedCalls"}};
const std::vector<column> outcome_columns{{"id", "/id"}, {"outcome", "/outcome"}};

class operator_run {
 public:
  operator_run(const operator_configuration& settings, http::server_address server)
      : settings_(settings), client_(std::move(server), settings.server.timeout) {}

  void list() { settings_.state.empty() ? list_reservations() : list_sagas(); }

  void get() {
    const auto document = ask("GET", "/myReservations/" + std::to_string(settings_.id));
    print_one(document, columns_of_reservation());
  }

  void tell_history() {
    const auto saga = ask("GET", "/admin/sagas/" + std::to_string(settings_.id));
    if (settings_.output == output_format::json) return print_one(saga, {});
    record_printer printer(settings_.output, event_columns);
    for (const auto& event : find(saga, "/events")->GetArray()) printer.add(event);
    printer.end();
    if (settings_.output != output_format::table) return;
    std::printf("\n%s", text_at(saga, "/state").c_str());
    if (const auto step = text_at(saga, "/step"); !step.empty()) std::printf(", next step %s", step.c_str());
    if (const auto why = text_at(saga, "/parkedBecause"); !why.empty())
      std::printf(", parked: %s", why.c_str());
    if (const auto tries = text_at(saga, "/retries/tries"); !tries.empty()) {
      std::printf(", tried %s times, the last answer: '%s', next try at %s", tries.c_str(),
                  text_at(saga, "/retries/lastAnswer").c_str(), text_at(saga, "/retries/nextTryAt").c_str());
    }
    std::printf("\n");
  }

  void act(const std::string& action) { settings_.id != 0 ? act_on_one(action) : act_on_many(action); }

  void export_all() {
    const auto user = settings_.user.empty() ? "" : "&userId=" + settings_.user;
    record_printer printer(settings_.output, columns_of_reservation());
    std::optional<progress> bar;
    std::string next = "/myReservations?size=" + std::to_string(largest_page) + "&sort=createdAt,asc" + user;
    while (!next.empty()) {
      const auto page = ask("GET", next);
      if (!bar) bar.emplace("reservations", find(page, "/page/totalElements")->GetUint64());
      for (const auto& each : rows_of(page, "/_embedded/myReservations")) printer.add(each);
      bar->reached(printer.count());
      next = target_of(text_at(page, "/_links/next/href"));
    }
    printer.end();
  }

  void show_breaker() {
    const auto all = ask("GET", "/actuator/circuitbreakers");
    print_one(*find(all, "/circuitBreakers/payment"), breaker_columns);
  }

  void hold_breaker(const std::string& action) {
    ask("POST", "/admin/breaker", note([&](auto& out) { put(out, "action", action); }));
    std::printf("the circuit breaker of this node: %s\n", action.c_str());
  }

  void rebuild_view() {
    ask("POST", "/admin/view/rebuild", note([](auto&) {}));
    const auto told_at = std::chrono::steady_clock::now();
    if (settings_.no_wait) {
      std::printf("the view is being made anew; /actuator/health says when it is back\n");
      return;
    }
    const auto whole = wait_for_view(client_, told_at);
    if (!whole) throw refused("the view is being made anew, unseen: " + whole.error());
    std::printf("the view is made anew\n");
  }

  int exit_code() const { return failed_ == 0 ? 0 : 1; }

 private:
  using json_writer = rapidjson::Writer<rapidjson::StringBuffer>;

  static rapidjson::Value::ConstArray rows_of(const rapidjson::Value& page, const char* pointer) {
    const auto* rows = find(page, pointer);
    if (rows == nullptr || !rows->IsArray()) throw refused("the answer has no " + std::string(pointer));
    return rows->GetArray();
  }

  rapidjson::Document ask(const std::string& method, const std::string& target,
                          const std::string& body = {}) {
    const auto answer = client_.ask(method, target, body);
    if (!answer) throw refused(answer.error());
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(answer->body.data(), answer->body.size());
    if (document.HasParseError() || !document.IsObject()) {
      throw refused(method + " " + target + ": status " + std::to_string(answer->status) + " and no JSON");
    }
    if (answer->status < 400) return document;
    throw refused(text_at(document, "/title") + ": " + text_at(document, "/detail") + " (status " +
                  std::to_string(answer->status) + ", trace " + text_at(document, "/traceId") + ")" +
                  advice(method, *answer));
  }

  std::string advice(std::string_view method, const http::admin_answer& answer) const {
    const bool known = !settings_.server.key.empty();
    switch (answer.status) {
      case 401:
        return known ? "; see that the key is one of this server's, or the token has not expired"
                     : "; give --key-file FILE, or HOLDFAST_KEY, with an API key or a token";
      case 403:
        return method == "GET" ? "; ask with the key of an operator, or of an auditor"
                               : "; ask with an operator's key";
      case 429:
        return "; try again in " + answer.retry_after + " s";
      default:
        return {};
    }
  }

  std::vector<column> columns_of_reservation() const {
    return settings_.output == output_format::csv ? fields_of_reservation() : reservation_columns;
  }

  void print_one(const rapidjson::Value& record, const std::vector<column>& columns) {
    if (settings_.output == output_format::json || settings_.output == output_format::ndjson) {
      record_printer printer(output_format::ndjson, {});
      printer.add(record);
      return;
    }
    record_printer printer(settings_.output, columns);
    printer.add(record);
    printer.end();
  }

  void list_reservations() {
    const auto user = settings_.user.empty() ? "" : "&userId=" + settings_.user;
    const auto size = std::min(settings_.limit, largest_page);
    record_printer printer(settings_.output, columns_of_reservation());
    walk("/myReservations?sort=createdAt,desc&size=" + std::to_string(size) + user,
         "/_embedded/myReservations", printer);
  }

  void list_sagas() {
    auto target = "/admin/sagas?state=" + settings_.state +
                  "&size=" + std::to_string(std::min(settings_.limit, largest_page));
    if (settings_.older_than) target += "&olderThanSeconds=" + seconds();
    if (!settings_.user.empty()) target += "&userId=" + settings_.user;
    if (!settings_.status.empty()) target += "&status=" + settings_.status;
    record_printer printer(settings_.output, saga_columns);
    walk(target, "/_embedded/sagas", printer);
  }

  void walk(std::string next, const char* rows, record_printer& printer) {
    while (!next.empty() && printer.count() < settings_.limit) {
      const auto page = ask("GET", next);
      for (const auto& each : rows_of(page, rows)) {
        if (printer.count() == settings_.limit) break;
        printer.add(each);
      }
      next = target_of(text_at(page, "/_links/next/href"));
    }
    printer.end();
  }

  void act_on_one(const std::string& action) {
    const auto done =
        ask("POST", "/admin/sagas/" + std::to_string(settings_.id) + "/" + action, note([](auto&) {}));
    print_one(done, outcome_columns);
  }

  /// Page by page, for one command to the server is for so many only.
  void act_on_many(const std::string& action) {
    record_printer printer(settings_.output, outcome_columns);
    std::optional<progress> bar;
    if (settings_.apply) bar.emplace("reservations", 0);
    std::string after;
    do {
      const auto done = ask_or_end(printer, "POST", "/admin/sagas/" + action, note([&](auto& out) {
                                     put_filter(out);
                                     out.Key("dryRun");
                                     out.Bool(!settings_.apply);
                                     if (!after.empty()) put(out, "after", after);
                                   }));
      settings_.apply ? print_results(done, printer) : print_dry_run(done, action, printer);
      if (bar) bar->reached(printer.count());
      after = text_at(done, "/next");
    } while (!after.empty());
    bar.reset();
    printer.end();
    if (settings_.apply) return;
    std::fprintf(stderr, "%llu would be done, and nothing was: give --apply\n",
                 static_cast<unsigned long long>(printer.count()));
  }

  /// What was done before stays known.
  rapidjson::Document ask_or_end(record_printer& printer, const std::string& method,
                                 const std::string& target, const std::string& body) {
    try {
      return ask(method, target, body);
    } catch (const refused& why) {
      if (printer.count() == 0) throw;
      printer.end();
      throw refused(std::string(why.what()) + "; of those above it is known, of others it is not");
    }
  }

  void print_results(const rapidjson::Value& done, record_printer& printer) {
    for (const auto& one : rows_of(done, "/results")) {
      const auto outcome = text_at(one, "/outcome");
      if (outcome != "recorded" && outcome != "unchanged") ++failed_;
      printer.add(one);
    }
  }

  static void print_dry_run(const rapidjson::Value& shown, const std::string& action,
                            record_printer& printer) {
    for (const auto& id : rows_of(shown, "/ids")) {
      rapidjson::Document one(rapidjson::kObjectType);
      one.AddMember("id", id.GetUint64(), one.GetAllocator());
      one.AddMember("outcome", rapidjson::Value(("would " + action).c_str(), one.GetAllocator()),
                    one.GetAllocator());
      printer.add(one);
    }
  }

  template <class More>
  std::string note(const More& more) const {
    rapidjson::StringBuffer text;
    json_writer out(text);
    out.StartObject();
    if (!settings_.who.empty()) put(out, "who", settings_.who);
    put(out, "reason", settings_.reason);
    more(out);
    out.EndObject();
    return {text.GetString(), text.GetSize()};
  }

  static void put(json_writer& out, const char* name, const std::string& value) {
    out.Key(name);
    out.String(value.c_str(), static_cast<rapidjson::SizeType>(value.size()));
  }

  void put_filter(json_writer& out) const {
    out.Key("filter");
    out.StartObject();
    put(out, "state", settings_.state);
    if (settings_.older_than) put(out, "olderThanSeconds", seconds());
    if (!settings_.user.empty()) put(out, "userId", settings_.user);
    if (!settings_.status.empty()) put(out, "status", settings_.status);
    out.EndObject();
  }

  std::string seconds() const {
    return std::to_string(std::chrono::ceil<std::chrono::seconds>(*settings_.older_than).count());
  }

  const operator_configuration& settings_;
  http::admin_client client_;
  std::uint64_t failed_ = 0;
};

void run(std::string_view name, operator_run& with) {
  if (name == "reservation ls") return with.list();
  if (name == "reservation get") return with.get();
  if (name == "reservation history") return with.tell_history();
  if (name == "reservation cancel") return with.act("cancel");
  if (name == "reservation retry") return with.act("retry");
  if (name == "reservation export") return with.export_all();
  if (name == "breaker show") return with.show_breaker();
  if (name == "view rebuild") return with.rebuild_view();
  with.hold_breaker(std::string(name.substr(name.find(' ') + 1)));
}

tl::expected<http::server_address, std::string> address_of(const server_configuration& server) {
  http::server_address address{.host = server.where.host, .port = server.where.port, .key = server.key};
  if (!server.secure) return address;
  auto trust = http::trust_in(server.authority);
  if (!trust) return tl::unexpected(std::move(trust.error()));
  address.trust = std::move(*trust);
  return address;
}

}  // namespace

int operate(const command& about, int argc, const char* const* argv) {
  const auto settings = parse_operator_configuration(about, argc, argv, process_environment());
  if (!settings) return tell(settings.error());
  auto server = address_of(settings->server);
  if (!server) return tell(refuse(server.error()).value());
  operator_run with(*settings, std::move(*server));
  try {
    run(about.name, with);
  } catch (const refused& why) {
    std::fprintf(stderr, "holdfast %s: %s\n", std::string(about.name).c_str(), why.what());
    return 1;
  }
  return code_when_printed(with.exit_code());
}

}  // namespace holdfast
