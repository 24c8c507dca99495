#include "tests/chaos/shop.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <stdexcept>
#include <utility>

#include "tests/chaos/evidence.hpp"
#include "tests/proof/canaries.hpp"

namespace holdfast::chaos {

namespace {

constexpr std::size_t longest_last_words = 2000;
constexpr std::chrono::seconds end_after_output{5};
constexpr int killed = 128 + SIGKILL;

}  // namespace

shop::shop(shop_options options, recorder& into)
    : options_(std::move(options)), into_(into), provider_(options_.provider_flags, ledger_.path()) {
  if (options_.view_on_redis) redis_.emplace();
}

shop::~shop() {
  front_.port = 0;
}

std::vector<std::string> shop::arguments() {
  std::vector<std::string> all{"serve", "--listen", "127.0.0.1:0", "--data", options_.data.string(),
                               "--payment", provider_.url(), "--threads", "2", "--payment-timeout", "150ms",
                               "--payment-wait", "400ms", "--log-level", "warn", "--view",
                               redis_ ? redis_->url() : "embedded",
                               // Soon full, so that what fails while it is written to disk is met.
                               "--view-cache", "1MiB", "--events", redis_ ? redis_->url() : "none"};
  return all;
}

bool shop::start() {
  ++starts_;
  server_ = std::make_unique<testing::process>(arguments(), faults_.environment());
  try {
    front_.port = testing::port_in(server_->wait_for_line());
  } catch (const std::exception&) {
    // Its output ends a moment before it does.
    if (!testing::eventually([&] { return server_->has_ended(); }, end_after_output)) {
      into_.complain("the server is not ready in time: " + server_->errors());
      server_->send(SIGKILL);
    }
    look_into_end(server_->wait_for_exit());
    return false;
  }
  return true;
}

void shop::start_for_good() {
  expected_exit_.reset();
  if (!start()) throw std::runtime_error("the server does not start: " + last_words());
}

std::string shop::last_words() const {
  return log_.substr(log_.size() - std::min(log_.size(), longest_last_words));
}

bool shop::serves() {
  if (!server_) return false;
  if (!server_->has_ended()) return true;
  look_into_end(server_->wait_for_exit());
  return false;
}

void shop::look_into_end(int code) {
  if (code != expected_exit_) {
    into_.complain("the server ended with " + std::to_string(code) +
                   ", which nobody asked for: " + server_->errors());
  }
  forget_server();
}

void shop::forget_server() {
  front_.port = 0;
  log_ += server_->errors();
  server_.reset();
}

void shop::kill() {
  if (!server_) return;
  server_->send(SIGKILL);
  const int code = server_->wait_for_exit();
  if (code != killed && code != expected_exit_.value_or(killed)) {
    into_.complain("the server ended by itself with " + std::to_string(code) + ": " + server_->errors());
  }
  forget_server();
}

void shop::terminate() {
  if (!server_) return;
  server_->send(SIGTERM);
  if (!expected_exit_) expect_exit(0);
  look_into_end(server_->wait_for_exit());
}

void shop::pause() {
  if (server_) server_->send(SIGSTOP);
}

void shop::freeze(bool after_disk) {
  if (server_) server_->freeze(after_disk);
}

void shop::resume() {
  if (server_) server_->send(SIGCONT);
}

void shop::heal_provider() {
  provider_.control(healthy_knobs);
}

bool shop::serves_all() {
  if (!serves()) throw std::runtime_error("the server ended though nothing was done to it");
  return true;
}

std::vector<proof::journal_line> shop::journal(const std::string& name) {
  return read_journal(data() / name);
}

std::vector<proof::reservation_id> shop::parked() {
  auto asking = client();
  return read_parked(asking);
}

std::vector<proof::canary_search> shop::canaries() {
  return {search_folder(data(), canary_card), proof::search_text("the log", log(), canary_card)};
}

/// What operators are given to compare the books: it has to find no difference either.
void shop::look_further() {
  testing::process child(
      {"reconcile", "--data", data().string(), "--payment", provider_.url(), "--payment-timeout", "10s"});
  const auto printed = child.rest_of_output();
  const int code = child.wait_for_exit();
  if (code == 0) return;
  into_.complain("reconcile ended with " + std::to_string(code) + ": " + printed + child.errors());
}

}  // namespace holdfast::chaos
