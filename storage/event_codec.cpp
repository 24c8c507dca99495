#include "storage/event_codec.hpp"

#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace holdfast::storage {
namespace {

constexpr std::uint8_t format_version = 1;
/// With a trace behind the version.
constexpr std::uint8_t traced_format_version = 2;
constexpr std::size_t longest_number_bytes = 10;
/// Nearly all are shorter.
constexpr std::size_t usual_record_bytes = 120;
/// A tag and a time: no event is shorter, which bounds what a record's count may claim.
constexpr std::size_t smallest_event_bytes = 2;
constexpr std::uint8_t last_cancel_reason = static_cast<std::uint8_t>(domain::cancel_reason::by_operator);
constexpr std::uint8_t last_operator_action = static_cast<std::uint8_t>(domain::operator_action::cancel);

// The table of FORMAT.md: the tag of each event and its fields in order, its time left out.
// A tag is given once and never again; a new field needs a new tag or a new format version.
template <class Event>
struct layout;

template <std::uint8_t number, auto... members>
struct layout_of {
  static constexpr std::uint8_t tag = number;
  static constexpr auto fields = std::make_tuple(members...);
};

// clang-format off
template <> struct layout<domain::reservation_placed> : layout_of<1, &domain::reservation_placed::what> {};
template <> struct layout<domain::payment_unresolved> : layout_of<2> {};
template <> struct layout<domain::payment_captured> : layout_of<3, &domain::payment_captured::transaction_id> {};
template <> struct layout<domain::payment_declined> : layout_of<4, &domain::payment_declined::reason> {};
template <> struct layout<domain::payment_failed> : layout_of<5> {};
template <> struct layout<domain::receipt_issued>
    : layout_of<6, &domain::receipt_issued::receipt_no, &domain::receipt_issued::expected_delivery_at> {};
template <> struct layout<domain::cancellation_requested> : layout_of<7, &domain::cancellation_requested::reason> {};
template <> struct layout<domain::receipt_voided>
    : layout_of<8, &domain::receipt_voided::receipt_no, &domain::receipt_voided::expected_delivery_at> {};
template <> struct layout<domain::payment_refunded> : layout_of<9, &domain::payment_refunded::refund_id> {};
template <> struct layout<domain::reservation_cancelled> : layout_of<10, &domain::reservation_cancelled::reason> {};
template <> struct layout<domain::reservation_parked> : layout_of<11, &domain::reservation_parked::why> {};
template <> struct layout<domain::reservation_resumed> : layout_of<12> {};
template <> struct layout<domain::operator_intervened>
    : layout_of<13, &domain::operator_intervened::action, &domain::operator_intervened::who,
                &domain::operator_intervened::why> {};
template <> struct layout<domain::receipts::issued>
    : layout_of<32, &domain::receipts::issued::number, &domain::receipts::issued::expected_delivery_at> {};
template <> struct layout<domain::receipts::voided> : layout_of<33> {};
// clang-format on

/// Differences wrap around, so that any two times have one.
std::int64_t minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
std::int64_t plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::int64_t milliseconds_of(domain::timestamp at) {
  return at.time_since_epoch().count();
}
domain::timestamp timestamp_of(std::int64_t milliseconds) {
  return domain::timestamp{std::chrono::milliseconds{milliseconds}};
}

class writer {
 public:
  explicit writer(std::size_t expected_bytes) { bytes_.reserve(expected_bytes); }
  std::string take() { return std::move(bytes_); }

  void byte(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void eight_bytes(std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) byte(static_cast<std::uint8_t>(value >> shift));
  }
  void trace(const tracing::trace_context& of) {
    eight_bytes(of.trace_high);
    eight_bytes(of.trace_low);
    eight_bytes(of.span_id);
    byte(of.flags);
  }
  void time(domain::timestamp at) {
    put(minus(milliseconds_of(at), previous_ms_));
    previous_ms_ = milliseconds_of(at);
  }
  void put(std::uint64_t value) {
    char bytes[longest_number_bytes];
    std::size_t count = 0;
    for (; value >= 0x80; value >>= 7) bytes[count++] = static_cast<char>(value | 0x80);
    bytes[count++] = static_cast<char>(value);
    bytes_.append(bytes, count);
  }
  /// Zigzag: small negative numbers are short too.
  void put(std::int64_t value) {
    put((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
  }
  void put(const std::string& text) {
    put(std::uint64_t{text.size()});
    bytes_ += text;
  }
  template <class T>
  void put(const std::optional<T>& value) {
    byte(value ? 1 : 0);
    if (value) {
      put(*value);
    }
  }
  void put(domain::cancel_reason reason) { byte(static_cast<std::uint8_t>(reason)); }
  void put(domain::operator_action action) { byte(static_cast<std::uint8_t>(action)); }
  void put(const domain::zoned_timestamp& moment) {
    put(minus(milliseconds_of(moment.at), previous_ms_));
    put(std::int64_t{moment.utc_offset.count()});
  }
  void put(const domain::order& order) {
    put(order.user_id);
    put(order.user_address);
    put(order.product_id);
    put(order.product_name);
    put(order.price.amount_minor);
    put(order.price.currency);
    put(order.card_last_four);
  }

 private:
  std::string bytes_;
  std::int64_t previous_ms_ = 0;
};

/// Reads from untrusted bytes. The first failure sticks, and everything after it reads as zero.
class reader {
 public:
  /// `offset` is that of the first byte, from the start of the caller's bytes.
  reader(std::string_view bytes, std::size_t offset)
      : begin_(bytes.data()), end_(begin_ + bytes.size()), at_(begin_), first_offset_(offset) {}

  bool failed() const { return error_.has_value(); }
  const codec_error& error() const { return *error_; }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
  /// Of the next byte.
  std::size_t offset() const { return first_offset_ + static_cast<std::size_t>(at_ - begin_); }

  void fail(const char* what) {
    if (!error_) {
      error_ = codec_error{"offset " + std::to_string(offset()) + ": " + what};
    }
    at_ = end_;
  }
  /// The caller has made sure that there are so many.
  std::string_view take(std::size_t count) {
    const std::string_view taken(at_, count);
    at_ += count;
    return taken;
  }
  std::uint8_t byte() {
    if (at_ == end_) {
      fail("truncated");
      return 0;
    }
    return static_cast<std::uint8_t>(*at_++);
  }
  std::uint64_t eight_bytes() {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | byte();
    return value;
  }
  tracing::trace_context trace() {
    tracing::trace_context of;
    of.trace_high = eight_bytes();
    of.trace_low = eight_bytes();
    of.span_id = eight_bytes();
    of.flags = byte();
    if (!of.present()) fail("a trace without an id");
    return of;
  }
  void time(domain::timestamp& at) {
    std::int64_t difference = 0;
    get(difference);
    previous_ms_ = plus(previous_ms_, difference);
    at = timestamp_of(previous_ms_);
  }
  void get(std::uint64_t& value) {
    value = byte();
    if (value >= 0x80) get_rest(value);
  }
  void get(std::int64_t& value) {
    std::uint64_t zigzag = 0;
    get(zigzag);
    value = static_cast<std::int64_t>((zigzag >> 1) ^ (~(zigzag & 1) + 1));
  }
  void get(std::string& text) {
    std::uint64_t size = 0;
    get(size);
    if (size > remaining()) {
      return fail("truncated text");
    }
    text = take(size);
  }
  template <class T>
  void get(std::optional<T>& value) {
    const auto presence = byte();
    if (presence > 1) {
      return fail("presence is neither 0 nor 1");
    }
    if (presence == 1) {
      get(value.emplace());
    }
  }
  void get(domain::cancel_reason& reason) {
    const auto number = byte();
    if (number > last_cancel_reason) {
      return fail("unknown cancel reason");
    }
    reason = static_cast<domain::cancel_reason>(number);
  }
  void get(domain::operator_action& action) {
    const auto number = byte();
    if (number > last_operator_action) {
      return fail("unknown operator action");
    }
    action = static_cast<domain::operator_action>(number);
  }
  void get(domain::zoned_timestamp& moment) {
    std::int64_t difference = 0;
    std::int64_t minutes = 0;
    get(difference);
    get(minutes);
    moment = {timestamp_of(plus(previous_ms_, difference)), std::chrono::minutes{minutes}};
  }
  void get(domain::order& order) {
    get(order.user_id);
    get(order.user_address);
    get(order.product_id);
    get(order.product_name);
    get(order.price.amount_minor);
    get(order.price.currency);
    get(order.card_last_four);
  }

 private:
  /// Of a number that has more than one byte, of which `value` is the first.
  void get_rest(std::uint64_t& value) {
    value &= 0x7F;
    for (unsigned shift = 7; shift < 64; shift += 7) {
      const auto next = byte();
      if (shift == 63 && next > 1) {
        return fail("number beyond 64 bits");
      }
      value |= std::uint64_t{next & 0x7Fu} << shift;
      if (next < 0x80) {
        if (next == 0) {
          fail("number longer than needed");
        }
        return;
      }
    }
  }

  const char* begin_;
  const char* end_;
  const char* at_;
  std::size_t first_offset_;
  std::int64_t previous_ms_ = 0;
  std::optional<codec_error> error_;
};

template <class Event>
void write_event(writer& out, const Event& event) {
  using described = layout<Event>;
  out.byte(described::tag);
  out.time(event.at);
  std::apply([&](auto... member) { (out.put(event.*member), ...); }, described::fields);
}

template <class Event>
void read_fields(reader& in, Event& event) {
  in.time(event.at);
  std::apply([&](auto... member) { (in.get(event.*member), ...); }, layout<Event>::fields);
}

/// Reads one event of a variant's, its tag says which, and hands it to `take`.
template <class... Events, class Take>
void read_event(reader& in, std::type_identity<std::variant<Events...>>, Take& take) {
  const auto tag = in.byte();
  const auto read_if_tagged = [&]<class Event>(std::type_identity<Event>) {
    if (tag != layout<Event>::tag) {
      return false;
    }
    std::variant<Events...> event(std::in_place_type<Event>);
    read_fields(in, *std::get_if<Event>(&event));
    if (!in.failed()) {
      take(std::move(event));
    }
    return true;
  };
  if (!(read_if_tagged(std::type_identity<Events>{}) || ...)) {
    in.fail("unknown event tag");
  }
}

/// What stands before the events of a record: a trace, or none.
tracing::trace_context read_frame(reader& in) {
  const auto version = in.byte();
  if (version == traced_format_version) {
    return in.trace();
  }
  if (version != format_version) {
    in.fail("unknown format version");
  }
  return {};
}

template <class Event, class Take>
void read_record(reader& in, Take& take) {
  read_frame(in);
  std::uint64_t count = 0;
  in.get(count);
  if (count > in.remaining() / smallest_event_bytes) {
    return in.fail("more events than bytes");
  }
  for (; count > 0 && !in.failed(); --count) {
    read_event(in, std::type_identity<Event>{}, take);
  }
  if (in.remaining() > 0) {
    in.fail("bytes behind the last event");
  }
}

template <class Event>
std::string encode(const std::vector<Event>& events, const tracing::trace_context& of) {
  writer body(usual_record_bytes);
  body.byte(of.present() ? traced_format_version : format_version);
  if (of.present()) {
    body.trace(of);
  }
  body.put(std::uint64_t{events.size()});
  for (const auto& event : events) {
    std::visit([&](const auto& alternative) { write_event(body, alternative); }, event);
  }
  const auto bytes = body.take();
  writer record(longest_number_bytes + bytes.size());
  record.put(bytes);
  return record.take();
}

/// Hands each event to `take`.
template <class Event, class Take>
tl::expected<std::monostate, codec_error> read_events(std::string_view bytes, Take take) {
  reader in{bytes, 0};
  while (in.remaining() > 0) {
    std::uint64_t size = 0;
    in.get(size);
    if (size > in.remaining()) {
      in.fail("truncated record");
    }
    if (in.failed()) {
      return tl::unexpected(in.error());
    }
    const auto start = in.offset();
    reader record{in.take(size), start};
    read_record<Event>(record, take);
    if (record.failed()) {
      return tl::unexpected(record.error());
    }
  }
  return std::monostate{};
}

template <class Event>
tl::expected<std::vector<Event>, codec_error> decode(std::string_view bytes) {
  std::vector<Event> events;
  const auto read = read_events<Event>(bytes, [&](Event&& event) { events.push_back(std::move(event)); });
  if (!read) {
    return tl::unexpected(read.error());
  }
  return events;
}

template <class State, class Event, class Apply>
tl::expected<State, codec_error> fold(std::string_view bytes, Apply apply) {
  State state;
  const auto read = read_events<Event>(bytes, [&](const Event& event) { apply(state, event); });
  if (!read) {
    return tl::unexpected(read.error());
  }
  return state;
}

}  // namespace

std::string encode_events(const std::vector<domain::reservation_event>& events,
                          const tracing::trace_context& of) {
  return encode(events, of);
}

std::string encode_events(const std::vector<domain::receipts::event>& events) {
  return encode(events, {});
}

tracing::trace_context trace_of(std::string_view bytes) {
  reader in{bytes, 0};
  std::uint64_t size = 0;
  in.get(size);
  const auto trace = read_frame(in);
  return in.failed() ? tracing::trace_context{} : trace;
}

tl::expected<std::vector<domain::reservation_event>, codec_error> decode_reservation_events(
    std::string_view bytes) {
  return decode<domain::reservation_event>(bytes);
}

tl::expected<std::vector<domain::receipts::event>, codec_error> decode_receipt_events(
    std::string_view bytes) {
  return decode<domain::receipts::event>(bytes);
}

tl::expected<std::monostate, codec_error> for_each_reservation_event(
    std::string_view bytes, const std::function<void(const domain::reservation_event&)>& take) {
  return read_events<domain::reservation_event>(bytes,
                                                [&](const domain::reservation_event& event) { take(event); });
}

tl::expected<domain::reservation, codec_error> fold_reservation(std::string_view bytes) {
  return fold<domain::reservation, domain::reservation_event>(bytes, domain::apply);
}

tl::expected<domain::receipts::receipt, codec_error> fold_receipt(std::string_view bytes) {
  return fold<domain::receipts::receipt, domain::receipts::event>(bytes, [](auto& state, const auto& event) {
    state = domain::receipts::evolve(std::move(state), event);
  });
}

}  // namespace holdfast::storage
