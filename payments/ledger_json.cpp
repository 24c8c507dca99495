#include "payments/ledger_json.hpp"

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

#include <cassert>
#include <limits>
#include <optional>

namespace holdfast::payments {

namespace {

/// Deeper nesting is no ledger of anybody's.
constexpr int deepest = 32;

/// RapidJSON's concept of an input stream.
class pulled_stream {
 public:
  using Ch = char;

  explicit pulled_stream(const byte_source& source) : source_(source) { pull(); }

  /// 0 at the end.
  Ch Peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  Ch Take() {
    const Ch taken = Peek();
    if (rest_.empty()) return taken;
    rest_.remove_prefix(1);
    ++taken_;
    if (rest_.empty()) pull();
    return taken;
  }
  std::size_t Tell() const { return taken_; }

  // For parsing in place, which is not done here.
  Ch* PutBegin() { return unused(); }
  void Put(Ch) { unused(); }
  void Flush() { unused(); }
  std::size_t PutEnd(Ch*) { return unused(), 0; }

 private:
  static Ch* unused() {
    assert(false);
    return nullptr;
  }
  void pull() { rest_ = source_(); }

  const byte_source& source_;
  std::string_view rest_;
  std::size_t taken_ = 0;
};

/// Hears of each token. Depth 1 is the document, 2 the array of entries, 3 an entry.
class ledger_handler {
 public:
  explicit ledger_handler(const std::function<void(const money_movement&)>& each) : each_(each) {}

  bool complete() const { return seen_entries_; }
  const std::string& complaint() const { return complaint_; }

  bool Null() { return other(); }
  bool Bool(bool) { return other(); }
  bool Double(double) { return other(); }
  bool RawNumber(const char*, rapidjson::SizeType, bool) { return other(); }
  bool Int(int value) { return value < 0 ? Int64(value) : Uint64(static_cast<unsigned>(value)); }
  bool Uint(unsigned value) { return Uint64(value); }
  bool Int64(std::int64_t) { return other(); }
  bool Uint64(std::uint64_t value) {
    if (!in_entry()) return other();
    if (key_ == "reservation") reservation_ = value;
    if (key_ == "amount") {
      if (value > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) return refuse("amount");
      amount_ = static_cast<std::int64_t>(value);
    }
    return other();
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    if (!in_entry()) return other();
    const std::string_view value(text, size);
    if (key_ == "currency") currency_ = value;
    if (key_ == "transactionId") transaction_id_ = value;
    if (key_ == "kind") {
      if (value == "charge") kind_ = money_movement::kind::charge;
      if (value == "refund") kind_ = money_movement::kind::refund;
    }
    return other();
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    if (depth_ == 1 || depth_ == 3) key_.assign(text, size);
    return true;
  }
  bool StartObject() {
    if (!open()) return false;
    if (!in_entry()) return true;
    reservation_.reset();
    amount_.reset();
    kind_.reset();
    currency_.clear();
    transaction_id_.clear();
    return true;
  }
  bool EndObject(rapidjson::SizeType) {
    const bool whole_entry = in_entry();
    --depth_;
    return !whole_entry || hand_over();
  }
  bool StartArray() {
    if (entries_ && depth_ == 2) return refuse("form");
    if (depth_ == 1 && key_ == "entries") entries_ = seen_entries_ = true;
    return open();
  }
  bool EndArray(rapidjson::SizeType) {
    if (--depth_ == 1) entries_ = false;
    return true;
  }

 private:
  bool in_entry() const { return entries_ && depth_ == 3; }

  /// What is no value of an entry must not stand where an entry should.
  bool other() { return (entries_ && depth_ == 2) || depth_ == 0 ? refuse("form") : true; }
  bool open() {
    if (depth_ == deepest) return refuse("depth");
    ++depth_;
    return true;
  }

  bool hand_over() {
    if (!reservation_) return refuse("reservation");
    if (!amount_) return refuse("amount");
    if (currency_.size() != 3) return refuse("currency");
    if (!kind_) return refuse("kind");
    if (transaction_id_.empty()) return refuse("transactionId");
    each_({*kind_, *reservation_, {*amount_, currency_}, transaction_id_});
    return true;
  }

  bool refuse(std::string_view what) {
    complaint_ = "its " + std::string(what) + " is not a ledger's";
    return false;
  }

  const std::function<void(const money_movement&)>& each_;
  int depth_ = 0;
  bool entries_ = false;
  bool seen_entries_ = false;
  std::string key_;
  std::string complaint_;
  std::optional<domain::reservation_id> reservation_;
  std::optional<std::int64_t> amount_;
  std::optional<money_movement::kind> kind_;
  std::string currency_;
  std::string transaction_id_;
};

}  // namespace

tl::expected<void, std::string> parse_ledger(const byte_source& bytes,
                                             const std::function<void(const money_movement&)>& each) {
  constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  pulled_stream stream(bytes);
  ledger_handler handler(each);
  rapidjson::Reader reader;
  const auto result = reader.Parse<flags>(stream, handler);
  if (result && handler.complete()) return {};
  std::string why = handler.complaint();
  if (why.empty()) why = result ? "it has no entries" : rapidjson::GetParseError_En(result.Code());
  return tl::unexpected(why + " (byte " + std::to_string(result ? stream.Tell() : result.Offset()) + ")");
}

}  // namespace holdfast::payments
