// All that a request passes through before the engine and behind it, which is played here by the
// domain alone: parser, router, codec of placements, queries and cursors, documents and problems.
// Every answer has to be JSON, and no card number may be in it.
#include <rapidjson/document.h>

#include <optional>
#include <string>

#include "domain/card.hpp"
#include "domain/reservation.hpp"
#include "http/admin_request.hpp"
#include "http/answers.hpp"
#include "http/client.hpp"
#include "http/cursor.hpp"
#include "http/framing.hpp"
#include "http/placing.hpp"
#include "http/query.hpp"
#include "http/router.hpp"
#include "http/saga_documents.hpp"
#include "http/saga_filter.hpp"
#include "http/views.hpp"
#include "storage/event_codec.hpp"
#include "storage/view_format.hpp"
#include "tests/fuzz/target.hpp"

namespace holdfast::fuzz {
namespace {

constexpr domain::timestamp launch{std::chrono::milliseconds{1'700'000'000'000}};
constexpr domain::reservation_id some_id = 257;

void check(const http::response& response) {
  require(response.status >= 200 && response.status < 600, "an answer has a status");
  for (const auto& [name, value] : response.headers) {
    require(value.find_first_of("\r\n") == std::string::npos, "no header of an answer ends early");
  }
  if (response.body.empty()) return;
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(
      response.body.data(), response.body.size());
  require(!document.HasParseError() && document.IsObject(), "an answer is a JSON object");
}

/// The records of a reservation that was placed so, and then paid or declined.
std::string records_of(const domain::order& order, domain::charge_result result) {
  auto decided = domain::decide({}, domain::place{order}, launch);
  domain::reservation state;
  for (const auto& event : decided.events) state = domain::evolve(std::move(state), event);
  const auto charged = domain::decide(state, domain::record_charge{result, "ch_1"}, launch);
  decided.events.insert(decided.events.end(), charged.events.begin(), charged.events.end());
  return storage::encode_events(decided.events);
}

std::size_t digits_in(std::string_view text) {
  std::size_t digits = 0;
  for (const char c : text) digits += c >= '0' && c <= '9' ? 1 : 0;
  return digits;
}

void place(const http::client& client, http::request& request) {
  const std::string body = request.body;
  const auto wanted = http::read_placement(request);
  require(request.body.find_first_not_of('\0') == std::string::npos, "a body is wiped once it was read");
  if (!wanted) return check(http::refuse(client, wanted.error()));
  const auto& last_four = wanted->what.card_last_four;
  require(!last_four || (last_four->size() == 4 && digits_in(*last_four) == 4),
          "four digits are kept of a card");
  const auto refused = domain::decide({}, domain::place{wanted->what}, launch).refused;
  if (refused != domain::rejection::none) {
    return check(http::answer_placement(client, {actors::placement_status::rejected, 0, {}, false, refused}));
  }
  for (const auto result : {domain::charge_result::captured, domain::charge_result::declined,
                            domain::charge_result::not_charged, domain::charge_result::unknown}) {
    check(http::answer_placement(client, {actors::placement_status::decided, some_id,
                                          records_of(wanted->what, result), false, domain::rejection::none}));
  }
}

void list(const http::client& client, http::document_kind kind, std::string_view text) {
  const auto query = http::read_collection_query(kind, text);
  if (!query) return check(http::refuse(client, query.error()));
  const auto of_view = http::to_view_query(*query);
  require(of_view.limit >= 1 && of_view.limit <= storage::largest_page_rows, "pages are bounded");
  require(of_view.offset <= storage::largest_offset_rows, "offsets are bounded");
  if (query->after) {
    const http::cursor cursor{query->descending, *query->after};
    require(http::decode_cursor(http::encode_cursor(cursor)) == cursor, "a cursor is read as it was written");
  }
  storage::view_page page;
  page.rows.add(
      {some_id, 2,
       records_of({1, "seoul", 1, "fold", {1'300'000, "KRW"}, "1234"}, domain::charge_result::captured)});
  page.total = 2;
  page.more = true;
  page.next = {launch, some_id};
  check(http::answer_collection(client, *query, page));
}

void get(const http::client& client, const http::route& route, const http::request& request) {
  const auto records = records_of({1, {}, {}, {}, {0, "KRW"}, {}}, domain::charge_result::captured);
  check(http::answer_item(client, route.kind, route.id, request.if_none_match,
                          {http::read_status::found, records}));
  check(http::answer_item(client, route.kind, route.id, {}, {http::read_status::missing, {}}));
}

/// What is kept of an operator's words.
void check(const http::client& client, const http::operator_note& note) {
  const domain::reservation parked = [] {
    domain::reservation state;
    state.version = 1;
    state.parked = true;
    return state;
  }();
  require(!domain::may_contain_card_number(note.who) && !domain::may_contain_card_number(note.why),
          "no card number is kept");
  const domain::intervene wish{domain::operator_action::retry, note.who, note.why};
  const auto decided = domain::decide(parked, wish, launch);
  require(decided.refused == domain::rejection::none, "what is read the domain takes");
  auto records = records_of({1, {}, {}, {}, {0, "KRW"}, {}}, domain::charge_result::captured);
  records += storage::encode_events(decided.events);
  check(http::saga_response(client, some_id, records, std::nullopt));
  check(http::answer_item(client, http::document_kind::my_reservation, some_id, {},
                          {http::read_status::found, records}));
}

void administer(const http::client& client, const http::route& route, const http::request& request) {
  const auto query = http::read_saga_query(request.query);
  if (!query) return check(http::refuse(client, query.error()));
  require(query->size >= 1 && query->size <= http::largest_page_size, "pages are bounded");
  check(http::saga_page_response(client, *query, {{}, some_id}));
  if (const auto bulk = http::read_bulk(request, *client.who)) {
    require(bulk->which.size >= 1 && bulk->which.size <= http::largest_bulk, "bulks are bounded");
    require(bulk->which.filter.state != http::saga_state::any, "a bulk has a state");
    check(client, bulk->note);
  } else {
    check(http::refuse(client, bulk.error()));
  }
  const auto name = route.resource == http::resource::admin_breaker ? "action" : "level";
  if (const auto word = http::read_word(request, *client.who, name)) check(client, word->note);
  if (const auto note = http::read_note(request, *client.who)) check(client, *note);
}

void handle(http::request request) {
  const auto client = http::client_of(request);
  const auto route = http::find_route(request.path);
  if (!route) return check(http::refuse(client, http::fault::not_found, "This path names nothing."));
  if (!http::allows(*route, request.method)) {
    require(!http::allowed_methods(*route).empty(), "every resource allows some method");
    return check(http::refuse(client, http::fault::method_not_allowed, "Not allowed here."));
  }
  if (http::is_admin(*route)) return administer(client, *route, request);
  if (request.method == http::method::post) return place(client, request);
  if (request.method == http::method::del) {
    return check(http::answer_cancellation(client, route->id, {actors::cancellation_status::in_progress}));
  }
  if (route->resource == http::resource::index) return check(http::answer_index(client));
  if (route->resource == http::resource::collection) return list(client, route->kind, request.query);
  if (route->resource == http::resource::item) get(client, *route, request);
}

}  // namespace
}  // namespace holdfast::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::fuzz;
  using progress = holdfast::http::request_parser::progress;
  std::string unread(text_of(data, size));
  std::optional<holdfast::http::request_parser> parser(std::in_place);
  for (;;) {
    const auto step = parser->feed(unread);
    unread.erase(0, step.consumed);
    if (step.now == progress::refused) check(holdfast::http::render(parser->refusal()));
    if (step.now != progress::complete) return 0;
    handle(std::move(parser->complete()));
    parser.emplace();
  }
}
