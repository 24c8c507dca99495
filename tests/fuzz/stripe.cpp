// What a payment provider answers: the parser, the same however the answer is cut, the reader of every
// document of the dialect, and what each of them comes to. Nothing is ever certain about what is not
// clear.
//
// The first byte says how many bytes come at once, and in its highest bit whether the server closes.
#include <optional>
#include <string>

#include "payments/http_parser.hpp"
#include "payments/stripe_dialect.hpp"
#include "payments/stripe_outcomes.hpp"
#include "tests/fuzz/target.hpp"

namespace holdfast::fuzz {
namespace {

using namespace payments;
using progress = http_answer_parser::progress;

std::optional<http_answer> read(std::string_view bytes, std::size_t piece, bool closes) {
  http_answer_parser parser;
  auto now = progress::need_more;
  while (now == progress::need_more && !bytes.empty()) {
    now = parser.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  if (now == progress::need_more && closes) now = parser.end_of_stream();
  if (now != progress::complete) return std::nullopt;
  parser.keep_alive();
  auto answer = parser.take();
  require(answer.body.size() <= largest_answer_body_bytes, "an answer is bounded");
  return answer;
}

void understand(const http_answer& answer) {
  const charge_request charge{.reservation = 257,
                              .price = {1'300'000, "KRW"},
                              .card_number = domain::secret("4242424242424242"),
                              .payment_method = {},
                              .idempotency_key = "257-charge"};
  const refund_request refund{.reservation = 257,
                              .price = {1'300'000, "KRW"},
                              .transaction_id = "pi_1",
                              .idempotency_key = "257-refund"};
  const auto intent = stripe::read_intent(answer);
  stripe::after_create(intent, charge);
  stripe::after_confirm(intent, "pi_1");
  stripe::after_cancel(intent, "pi_1");
  stripe::is_clear(intent);
  stripe::is_refused_for_good(intent);
  stripe::reason_of(intent);
  stripe::created_intent(intent, {257, charge.price, {}});
  const stripe::intent created{"pi_1", 257, charge.price, stripe::intent_status::unpaid, 0};
  const settle_request settlement{.reservation = 257, .price = charge.price, .charge_key = "257-charge"};
  stripe::after_search(settlement, created, stripe::read_intents(answer));
  stripe::after_search(settlement, std::nullopt, stripe::read_intents(answer));
  stripe::after_refund(stripe::read_refund(answer), refund);
  stripe::after_lookup(stripe::read_refunds(answer), refund);
}

}  // namespace
}  // namespace holdfast::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::fuzz;
  if (size < 1) return 0;
  const bool closes = (data[0] & 0x80) != 0;
  const auto bytes = text_of(data + 1, size - 1);
  const auto at_once = read(bytes, bytes.size() + 1, closes);
  const auto in_pieces = read(bytes, std::size_t{data[0] & 0x7fu} + 1, closes);
  // What comes behind an answer may be seen with it or not at all, but the answer is the same.
  require(at_once.has_value() == in_pieces.has_value(), "pieces give an answer where all at once does");
  if (!at_once) return 0;
  require(at_once->status == in_pieces->status && at_once->body == in_pieces->body,
          "pieces give the same answer");
  understand(*at_once);
  return 0;
}
