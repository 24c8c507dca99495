#include "tests/proof/history_json.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <concepts>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tests/proof/names.hpp"

namespace holdfast::proof {

namespace {

/// Bytes that are no text, written in hex.
template <class Text>
struct hex_field {
  Text& bytes;
};

// The fields of each kind of line, for writing and for reading alike.
template <class Fields, class T>
void describe(Fields& f, T& x) requires std::same_as<std::remove_const_t<T>, observation> {
  f("reservation", x.reservation);
  f("version", x.version);
  f("status", x.status);
  f("payment", x.payment);
  f("receipt", x.receipt);
  f("receiptNo", x.receipt_no);
}
template <class Fields, class T>
void describe(Fields& f, T& x) requires std::same_as<std::remove_const_t<T>, operation> {
  f("number", x.number);
  f("client", x.client);
  f("what", x.kind);
  f("invoked", x.invoked);
  f("completed", x.completed);
  f("outcome", x.outcome);
  f("status", x.status);
  f("code", x.code);
  f("key", x.key);
  f("request", x.request);
  f("userId", x.user_id);
  f("price", x.price_minor);
  f("currency", x.currency);
  f("replayed", x.replayed);
  f("answer", x.answer);
  f("reservation", x.reservation);
  f("shown", x.shown);
  f("audit", x.audit);
  f("node", x.node);
}
template <class Fields, class T>
void describe(Fields& f, T& x) requires std::same_as<std::remove_const_t<T>, ledger_line> {
  f("what", x.what);
  f("key", x.key);
  f("reservation", x.reservation);
  f("transaction", x.transaction);
  f("amount", x.amount_minor);
  f("currency", x.currency);
  f("at", x.at);
}
template <class Fields, class T>
void describe(Fields& f, T& x) requires std::same_as<std::remove_const_t<T>, provider_call> {
  f("what", x.what);
  f("reservation", x.reservation);
  f("key", x.key);
  f("at", x.at);
  f("answer", x.answer);
  f("node", x.node);
}
template <class Fields, class T>
void describe(Fields& f, T& x) requires std::same_as<std::remove_const_t<T>, journal_line> {
  f("shard", x.record.shard);
  f("position", x.record.at);
  f("reservation", x.record.entity);
  f("firstSequence", x.record.first_sequence);
  f("events", x.record.event_count);
  f("record", hex_field<std::remove_reference_t<decltype((x.record.record))>>{x.record.record});
  f("epoch", x.owner_epoch);
  f("at", x.at);
  f("node", x.node);
}
template <class Fields, class T>
void describe(Fields& f, T& x) requires std::same_as<std::remove_const_t<T>, claim_line> {
  f("shard", x.shard);
  f("epoch", x.owner_epoch);
  f("node", x.node);
  f("at", x.at);
}
template <class Fields, class T>
void describe(Fields& f, T& x) requires std::same_as<std::remove_const_t<T>, view_line> {
  describe(f, x.shown);
  f("records", hex_field<std::remove_reference_t<decltype((x.records))>>{x.records});
}
template <class Fields, class T>
void describe(Fields& f, T& x) requires std::same_as<std::remove_const_t<T>, event_line> {
  f("reservation", x.reservation);
  f("version", x.version);
  f("event", x.type);
  f("reader", x.reader);
  f("at", x.at);
}
template <class Fields, class T>
void describe(Fields& f, T& x) requires std::same_as<std::remove_const_t<T>, fault_line> {
  f("at", x.at);
  f("name", x.name);
  f("detail", x.detail);
}
template <class Fields, class T>
void describe(Fields& f, T& x) requires std::same_as<std::remove_const_t<T>, canary_search> {
  f("place", x.place);
  f("bytes", x.bytes_searched);
  f("findings", x.findings);
}
template <class Fields, class T>
void describe(Fields& f, T& x) requires std::same_as<std::remove_const_t<T>, run_facts> {
  f("producer", x.producer);
  f("seed", x.seed);
  f("replay", x.replay);
  f("engineEpoch", x.engine_epoch_ms);
  f("atRest", x.at_rest);
  f("serves", x.serves);
  f("hasLedger", x.has_ledger);
  f("hasReceipts", x.has_receipts);
  f("hasView", x.has_view);
  f("hasParked", x.has_parked);
  f("mayPark", x.may_park);
  f("hasCalls", x.has_calls);
  f("eventReaders", x.event_readers);
  f("hasClaims", x.has_claims);
  f("shardsWithoutOwner", x.shards_without_owner);
  f("shardsWithSeveralOwners", x.shards_with_several_owners);
}

constexpr std::string_view digits = "0123456789abcdef";

std::string to_hex(std::string_view bytes) {
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const char c : bytes) {
    hex += digits[static_cast<unsigned char>(c) >> 4];
    hex += digits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

bool from_hex(std::string_view hex, std::string& bytes) {
  if (hex.size() % 2 != 0) return false;
  bytes.clear();
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const auto high = digits.find(hex[i]);
    const auto low = digits.find(hex[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    bytes += static_cast<char>(high << 4 | low);
  }
  return true;
}

class field_writer {
 public:
  explicit field_writer(std::ostream& out) : out_(out) {}

  template <class T>
  void line(const char* type, const T& what) {
    json_.StartObject();
    (*this)("type", std::string_view(type));
    describe(*this, what);
    json_.EndObject();
    out_ << buffer_.GetString() << '\n';
    buffer_.Clear();
    json_.Reset(buffer_);
  }

  template <class T>
  void operator()(const char* name, const T& value) {
    json_.Key(name);
    put(value);
  }

 private:
  void put(bool value) { json_.Bool(value); }
  void put(std::string_view text) { json_.String(text.data(), static_cast<unsigned>(text.size())); }
  void put(const std::string& text) { put(std::string_view(text)); }
  template <std::signed_integral T>
  void put(T value) {
    json_.Int64(value);
  }
  template <std::unsigned_integral T>
  void put(T value) {
    json_.Uint64(value);
  }
  template <class T>
  requires std::is_enum_v<T>
  void put(T value) { put(name_of(value)); }
  template <class T>
  void put(const hex_field<T>& field) {
    put(to_hex(field.bytes));
  }
  template <class T>
  void put(const std::optional<T>& value) {
    if (value) return put(*value);
    json_.Null();
  }
  void put(const observation& what) {
    json_.StartObject();
    describe(*this, what);
    json_.EndObject();
  }
  template <class T>
  void put(const std::vector<T>& all) {
    json_.StartArray();
    for (const auto& one : all) put(one);
    json_.EndArray();
  }

  std::ostream& out_;
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> json_{buffer_};
};

/// The first thing that is wrong sticks.
class field_reader {
 public:
  explicit field_reader(const rapidjson::Value& object) : object_(object) {}

  template <class T>
  void operator()(const char* name, T&& value) {
    const auto found = object_.FindMember(name);
    if (found == object_.MemberEnd()) return fail(name, "is missing");
    if (!take(found->value, value)) fail(name, "is not what it should be");
  }
  const std::string& wrong() const { return wrong_; }

 private:
  using json = rapidjson::Value;

  void fail(const char* name, const char* how) {
    if (wrong_.empty()) wrong_ = std::string(name) + " " + how;
  }
  static std::string_view text_of(const json& from) { return {from.GetString(), from.GetStringLength()}; }

  static bool take(const json& from, bool& value) {
    if (!from.IsBool()) return false;
    value = from.GetBool();
    return true;
  }
  static bool take(const json& from, std::string& value) {
    if (!from.IsString()) return false;
    value = text_of(from);
    return true;
  }
  template <std::signed_integral T>
  static bool take(const json& from, T& value) {
    if (!from.IsInt64() || !std::in_range<T>(from.GetInt64())) return false;
    value = static_cast<T>(from.GetInt64());
    return true;
  }
  template <std::unsigned_integral T>
  static bool take(const json& from, T& value) {
    if (!from.IsUint64() || !std::in_range<T>(from.GetUint64())) return false;
    value = static_cast<T>(from.GetUint64());
    return true;
  }
  template <class T>
  requires std::is_enum_v<T>
  static bool take(const json& from, T& value) {
    if (!from.IsString()) return false;
    const auto found = named<T>(text_of(from));
    value = found.value_or(value);
    return found.has_value();
  }
  template <class T>
  static bool take(const json& from, const hex_field<T>& field) {
    return from.IsString() && from_hex(text_of(from), field.bytes);
  }
  template <class T>
  static bool take(const json& from, std::optional<T>& value) {
    if (from.IsNull()) return true;
    return take(from, value.emplace());
  }
  static bool take(const json& from, observation& what) {
    if (!from.IsObject()) return false;
    field_reader fields(from);
    describe(fields, what);
    return fields.wrong().empty();
  }
  template <class T>
  static bool take(const json& from, std::vector<T>& all) {
    if (!from.IsArray()) return false;
    for (const auto& one : from.GetArray()) {
      if (!take(one, all.emplace_back())) return false;
    }
    return true;
  }

  const rapidjson::Value& object_;
  std::string wrong_;
};

template <class T>
void write_all(field_writer& out, const char* type, const std::vector<T>& all) {
  for (const auto& one : all) out.line(type, one);
}

template <class T>
std::string read_into(const rapidjson::Value& line, T& what) {
  field_reader fields(line);
  describe(fields, what);
  return fields.wrong();
}

/// What is wrong with the line; empty where nothing is.
std::string read_line(const std::string& text, history& into) {
  rapidjson::Document line;
  line.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  if (line.HasParseError() || !line.IsObject()) return "is no JSON object";
  const auto type = line.FindMember("type");
  if (type == line.MemberEnd() || !type->value.IsString()) return "has no type";
  const std::string_view name(type->value.GetString(), type->value.GetStringLength());
  if (name == "run") return read_into(line, into.facts);
  if (name == "operation") return read_into(line, into.operations.emplace_back());
  if (name == "ledger") return read_into(line, into.ledger.emplace_back());
  if (name == "call") return read_into(line, into.calls.emplace_back());
  if (name == "journal") return read_into(line, into.reservations.emplace_back());
  if (name == "receiptJournal") return read_into(line, into.receipts.emplace_back());
  if (name == "claim") return read_into(line, into.reservation_claims.emplace_back());
  if (name == "receiptClaim") return read_into(line, into.receipt_claims.emplace_back());
  if (name == "view") return read_into(line, into.view.emplace_back());
  if (name == "event") return read_into(line, into.events.emplace_back());
  if (name == "fault") return read_into(line, into.faults.emplace_back());
  if (name == "canary") return read_into(line, into.canaries.emplace_back());
  if (name == "parked") {
    observation who;
    auto wrong = read_into(line, who);
    into.parked.push_back(who.reservation);
    return wrong;
  }
  return "is of an unknown type";
}

}  // namespace

void write_history(std::ostream& out, const history& what) {
  field_writer lines(out);
  lines.line("run", what.facts);
  write_all(lines, "fault", what.faults);
  write_all(lines, "operation", what.operations);
  write_all(lines, "journal", what.reservations);
  write_all(lines, "receiptJournal", what.receipts);
  write_all(lines, "claim", what.reservation_claims);
  write_all(lines, "receiptClaim", what.receipt_claims);
  write_all(lines, "call", what.calls);
  write_all(lines, "ledger", what.ledger);
  write_all(lines, "view", what.view);
  write_all(lines, "event", what.events);
  for (const auto id : what.parked) {
    observation who;
    who.reservation = id;
    lines.line("parked", who);
  }
  write_all(lines, "canary", what.canaries);
}

tl::expected<history, std::string> read_history(std::istream& in) {
  history read;
  std::string text;
  for (std::size_t number = 1; std::getline(in, text); ++number) {
    if (text.empty()) continue;
    if (const auto wrong = read_line(text, read); !wrong.empty()) {
      return tl::unexpected("line " + std::to_string(number) + ": " + wrong);
    }
  }
  return read;
}

}  // namespace holdfast::proof
