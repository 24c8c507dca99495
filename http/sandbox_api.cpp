#include "http/sandbox_api.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "http/body_wiper.hpp"
#include "http/calls_under_way.hpp"
#include "http/json.hpp"
#include "http/rfc3339.hpp"
#include "http/stripe_api.hpp"

namespace holdfast::http {

namespace {

using std::chrono::milliseconds;

/// Answers and charges that wait for their time; further calls are refused.
constexpr std::size_t most_waiting = 100'000;
/// How late the connection of a call that hangs is closed once its client has left.
constexpr milliseconds between_two_looks{1000};

domain::timestamp wall_clock() {
  return std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
}

/// Kept by its handler; its timers end with its loop.
class sandbox_api {
 public:
  sandbox_api(sandbox_ports ports, boost::asio::io_context& loop)
      : ports_(std::move(ports)), loop_(loop), outage_timer_(loop), look_timer_(loop) {
    look_around_later();
  }

  void handle(request request, respond done) {
    const body_wiper wiper(request.body);
    const std::string_view path = request.path;
    if (path.starts_with("/v1/")) return call(request, std::move(done));
    if (path == "/control") return done(control(request));
    if (path == "/ledger") return done(ledger(request));
    done(stripe_error(404, "There are /v1/payment_intents, /v1/refunds, /control and /ledger here."));
  }

 private:
  // --- The provider ---

  void call(request& request, respond done) {
    const auto ticket = calls_.begin(request.from);
    stripe_reply reply = decide(request);
    if (reply.late) land_later(std::move(*reply.late));
    if (!reply.answer) return calls_.hang(ticket);
    auto answer = [this, ticket, done = std::move(done), response = std::move(*reply.answer)]() mutable {
      calls_.end(ticket);
      done(std::move(response));
    };
    if (reply.delay.count() == 0) return answer();
    after(reply.delay, std::move(answer));
  }

  stripe_reply decide(request& request) {
    if (waiting_ >= most_waiting) return {stripe_error(503, "Too much waits for its time."), {}, {}};
    if (!write_ledger()) return {ledger_failed(), {}, {}};
    auto reply = answer_stripe(ports_.bank, request, wall_clock());
    // What the disk did not take must not be told as known.
    if (!write_ledger() && reply.answer) reply.answer = ledger_failed();
    return reply;
  }

  static response ledger_failed() { return stripe_error(500, "The ledger can't be written."); }

  bool write_ledger() {
    const bool written = ports_.ledger.flush();
    if (!written && !disk_is_behind_) spdlog::error("the sandbox's ledger can't be written");
    disk_is_behind_ = !written;
    return written;
  }

  void land_later(payments::late_charge late) {
    const auto when = late.after;
    after(when, [this, late = std::move(late)] {
      ports_.bank.land(late, wall_clock());
      write_ledger();
    });
  }

  template <class Happening>
  void after(milliseconds delay, Happening happening) {
    ++waiting_;
    auto timer = std::make_shared<boost::asio::steady_timer>(loop_, delay);
    timer->async_wait(
        [this, timer, happening = std::move(happening)](boost::system::error_code error) mutable {
          if (error) return;
          --waiting_;
          happening();
        });
  }

  void look_around_later() {
    look_timer_.expires_after(between_two_looks);
    look_timer_.async_wait([this](boost::system::error_code error) {
      if (error) return;
      calls_.look_around();
      look_around_later();
    });
  }

  // --- The knobs ---

  response control(const request& request) {
    if (const auto connection = request.from.lock()) connection->keep_through_pause();
    if (request.method == method::put) {
      if (const auto refusal = change(request.body)) return stripe_error(400, *refusal);
    } else if (request.method != method::get) {
      return wrong_method("GET, PUT");
    }
    calls_.look_around();
    return control_response(ports_.bank.knobs(), calls_.count(), calls_.most());
  }

  /// All of it or, with the reason, nothing.
  std::optional<std::string> change(const std::string& body) {
    const auto values = read_control(body);
    if (!values) return values.error();
    sandbox_control changed{ports_.bank.knobs(), {}};
    bool outage_given = false;
    for (const auto& [name, text] : *values) {
      if (auto refusal = ports_.turn(changed, name, text)) return refusal;
      outage_given = outage_given || name == "outage";
    }
    ports_.bank.turn(changed.knobs);
    if (outage_given) changed.knobs.outage ? begin_outage(changed.outage_for) : end_outage();
    return std::nullopt;
  }

  void begin_outage(milliseconds lasting) {
    // Never, where no time is given: a timer that has just expired must not end this one.
    outage_timer_.expires_at(std::chrono::steady_clock::time_point::max());
    ports_.pause();
    if (lasting.count() == 0) return;
    outage_timer_.expires_after(lasting);
    outage_timer_.async_wait([this](boost::system::error_code error) {
      // Not that of an outage that was told to end just then.
      if (!error && outage_timer_.expiry() <= std::chrono::steady_clock::now()) end_outage();
    });
  }

  void end_outage() {
    outage_timer_.cancel();
    auto knobs = ports_.bank.knobs();
    knobs.outage = false;
    ports_.bank.turn(knobs);
    ports_.resume();
  }

  // --- The ledger ---

  response ledger(const request& request) const {
    if (request.method != method::get) return wrong_method("GET");
    response response;
    response.content_type = "application/json";
    response.body = "{\"entries\":[";
    bool first = true;
    payments::for_each_ledger_entry(ports_.ledger_folder, [&](const payments::ledger_entry& entry) {
      if (!first) response.body += ',';
      first = false;
      response.body += json::text_of([&](json_writer& out) { write_entry(out, entry); });
    });
    response.body += "]}";
    return response;
  }

  static void write_entry(json_writer& out, const payments::ledger_entry& entry) {
    const bool charged = entry.what == payments::ledger_entry::kind::charge;
    out.begin_object();
    json::field(out, "idempotencyKey", entry.idempotency_key);
    json::field(out, "reservation", entry.reservation);
    out.name("amount");
    out.number(entry.price.amount_minor);
    json::field(out, "currency", entry.price.currency);
    json::field(out, "kind", charged ? "charge" : "refund");
    json::field(out, "time", rfc3339_text(entry.at).view());
    json::field(out, "transactionId", entry.transaction_id);
    out.end_object();
  }

  static response wrong_method(const std::string& allowed) {
    auto response = stripe_error(405, "The methods allowed here are " + allowed + ".");
    response.headers.emplace_back("Allow", allowed);
    return response;
  }

  const sandbox_ports ports_;
  boost::asio::io_context& loop_;
  boost::asio::steady_timer outage_timer_;
  boost::asio::steady_timer look_timer_;
  calls_under_way calls_;
  std::size_t waiting_ = 0;
  bool disk_is_behind_ = false;
};

}  // namespace

handler_factory sandbox_handlers(sandbox_ports ports) {
  return [ports = std::move(ports)](boost::asio::io_context& loop) -> handler {
    return [api = std::make_shared<sandbox_api>(ports, loop)](request& request, respond done) {
      api->handle(std::move(request), std::move(done));
    };
  };
}

}  // namespace holdfast::http
