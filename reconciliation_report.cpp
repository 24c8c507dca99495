#include "reconciliation_report.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <optional>
#include <string_view>

namespace holdfast {

namespace {

using json_writer = rapidjson::Writer<rapidjson::StringBuffer>;

std::string_view name_of(remedy what) {
  switch (what) {
    case remedy::refund:
      return "refund";
    case remedy::park:
      return "park";
    case remedy::by_hand:
      break;
  }
  return "by_hand";
}

std::string_view name_of(mending what) {
  switch (what) {
    case mending::none:
      return "found";
    case mending::refunded:
      return "refunded";
    case mending::parked:
      return "parked";
    case mending::left:
      break;
  }
  return "left";
}

// --- For people ---

std::string ending_of(const difference& what, const mending_result& done) {
  switch (done.what) {
    case mending::refunded:
      return "refunded";
    case mending::parked:
      return "parked";
    case mending::left:
      return "LEFT: " + done.why;
    case mending::none:
      break;
  }
  switch (remedy_for(what.code)) {
    case remedy::refund:
      return "refund it";
    case remedy::park:
      return "park it for an operator";
    case remedy::by_hand:
      break;
  }
  return "look at it by hand";
}

/// "1 refund", "2 refunds".
std::string counted(std::uint64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

// --- For scripts ---

void put(json_writer& out, std::string_view name, std::string_view text) {
  out.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
  out.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}
void put(json_writer& out, std::string_view name, std::uint64_t number) {
  out.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
  out.Uint64(number);
}

/// Null where there is no money.
void put_side(json_writer& out, std::string_view name, const std::string& transaction,
              const std::optional<domain::money>& money) {
  out.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
  if (!money) {
    out.Null();
    return;
  }
  out.StartObject();
  put(out, "transactionId", transaction);
  out.Key("amount");
  out.Int64(money->amount_minor);
  put(out, "currency", money->currency);
  out.EndObject();
}

template <class Write>
std::string json_line(std::string_view type, Write write) {
  rapidjson::StringBuffer buffer;
  json_writer out(buffer);
  out.StartObject();
  put(out, "type", type);
  write(out);
  out.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace

std::string report_of(const difference& what, const mending_result& done, report_format format) {
  if (format == report_format::text) {
    return std::string(name_of(what.code)) + " reservation " + std::to_string(what.reservation) + ": " +
           explain(what) + "; " + ending_of(what, done) + "\n";
  }
  return json_line("difference", [&](json_writer& out) {
    put(out, "code", name_of(what.code));
    put(out, "reservation", what.reservation);
    put_side(out, "ledger", what.transaction_id, what.in_ledger);
    put_side(out, "journal", what.journal_transaction_id, what.in_journal);
    put(out, "remedy", name_of(remedy_for(what.code)));
    put(out, "outcome", name_of(done.what));
    put(out, "detail", done.why.empty() ? explain(what) : done.why);
  });
}

std::string report_of_parked(domain::reservation_id id, const std::string& why, report_format format) {
  if (format == report_format::text) return "parked reservation " + std::to_string(id) + ": " + why + "\n";
  return json_line("parked", [&](json_writer& out) {
    put(out, "reservation", id);
    put(out, "why", why);
  });
}

std::string report_of(const reconciliation_counts& counts, std::uint64_t mended, report_format format) {
  if (format == report_format::text) {
    return counted(counts.charges, "capture") + ", " + counted(counts.refunds, "refund") + "; " +
           counted(counts.reservations, "reservation") + " looked at, " + std::to_string(counts.under_way) +
           " under way, " + std::to_string(counts.parked) + " parked; " +
           counted(counts.differences, "difference") +
           (mended > 0 ? ", " + std::to_string(mended) + " mended" : "") + "\n";
  }
  return json_line("summary", [&](json_writer& out) {
    put(out, "captures", counts.charges);
    put(out, "refunds", counts.refunds);
    put(out, "reservations", counts.reservations);
    put(out, "underWay", counts.under_way);
    put(out, "parked", counts.parked);
    put(out, "differences", counts.differences);
    put(out, "mended", mended);
  });
}

std::string hint_about_orphans(std::uint64_t left) {
  return counted(left, "charge") + (left == 1 ? " belongs" : " belong") +
         " to no reservation of this journal: is it the right data folder, and not an old copy? Add "
         "--orphans to refund " +
         (left == 1 ? "it." : "them.");
}

}  // namespace holdfast
