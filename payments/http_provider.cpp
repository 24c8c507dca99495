#include "payments/http_provider.hpp"

#include <pthread.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "payments/http_call.hpp"
#include "payments/http_request_bytes.hpp"

namespace holdfast::payments {

namespace {

http_provider_options checked(http_provider_options options) {
  if (options.host.empty() || !is_header_word(options.host)) {
    throw std::invalid_argument("the payment provider's host can't stand in a header");
  }
  if (!is_header_word(options.key.reveal())) {
    throw std::invalid_argument("the payment provider's key can't stand in a header");
  }
  return options;
}

}  // namespace

class http_provider::implementation {
 public:
  explicit implementation(http_provider_options options)
      : places_(loop_, most_connections, most_waiting_calls, options.timeout),
        connections_(loop_, options.host, options.port, options.idle_timeout),
        link_{places_,
              connections_,
              authority_of(options.host, options.port),
              std::move(options.key),
              options.timeout,
              options.tracer,
              options.host,
              options.port},
        thread_([this] {
          ::pthread_setname_np(::pthread_self(), "payments");
          loop_.run();
        }) {}

  ~implementation() { close(); }

  void submit(const std::shared_ptr<http_call>& call) {
    auto refusal = http_call::refusal::admitted;
    {
      const std::lock_guard lock(mutex_);
      if (closing_) {
        refusal = http_call::refusal::closed;
      } else if (submitted_.size() == most_waiting_calls) {
        refusal = http_call::refusal::too_many_calls;
      } else {
        submitted_.push_back(call);
        // Whoever finds calls there already knows that the loop has been told.
        if (submitted_.size() > 1) return;
      }
    }
    if (refusal != http_call::refusal::admitted) return call->refuse(refusal);
    boost::asio::post(loop_, [this] { start_submitted(); });
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    std::call_once(closed_, [this] {
      boost::asio::post(loop_, [this] { end(); });
      thread_.join();
    });
  }

 private:
  using calls = std::vector<std::shared_ptr<http_call>>;

  calls take_submitted() {
    const std::lock_guard lock(mutex_);
    return std::exchange(submitted_, {});
  }

  void start_submitted() {
    for (const auto& each : take_submitted()) each->start(link_);
  }

  /// Every call is in one of three: submitted, waiting for a place, or in an exchange.
  void end() {
    for (const auto& each : take_submitted()) each->refuse(http_call::refusal::closed);
    places_.close();
    connections_.close();
    loop_.stop();
  }

  /// One thread runs it: the hint saves locks.
  boost::asio::io_context loop_{1};
  const boost::asio::executor_work_guard<boost::asio::io_context::executor_type> stays_up_{
      loop_.get_executor()};
  http_places places_;
  http_connection_pool connections_;
  http_link link_;

  std::mutex mutex_;
  calls submitted_;
  bool closing_ = false;

  std::once_flag closed_;
  std::thread thread_;
};

http_provider::http_provider(http_provider_options options)
    : implementation_(std::make_unique<implementation>(checked(std::move(options)))) {}

http_provider::~http_provider() = default;

void http_provider::charge(charge_request request, std::function<void(charge_answer)> done) {
  implementation_->submit(make_charge_call(std::move(request), std::move(done)));
}

void http_provider::settle(settle_request request, std::function<void(settle_answer)> done) {
  implementation_->submit(make_settle_call(std::move(request), std::move(done)));
}

void http_provider::refund(refund_request request, std::function<void(refund_answer)> done) {
  implementation_->submit(make_refund_call(std::move(request), std::move(done)));
}

void http_provider::close() {
  implementation_->close();
}

}  // namespace holdfast::payments
