#include "storage/redis_connection.hpp"

#include <hiredis/async.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "storage/redis_reply.hpp"

namespace holdfast::storage {

/// What hiredis calls to be told when its socket can be read or written. It belongs to the
/// context of hiredis, which closes the socket itself; a wait that is under way keeps it alive.
class redis_connection::event_hooks : public std::enable_shared_from_this<event_hooks> {
 public:
  /// False where the loop can't watch the socket.
  static bool attach(std::shared_ptr<redis_connection> owner, redisAsyncContext* context) {
    const auto hooks = std::make_shared<event_hooks>(std::move(owner), context);
    boost::system::error_code error;
    hooks->socket_.assign(context->c.fd, error);
    if (error) {
      return false;
    }
    hooks->self_ = hooks;
    context->ev.data = hooks.get();
    context->ev.addRead = [](void* data) { of(data).read_.want(of(data)); };
    context->ev.delRead = [](void* data) { of(data).read_.wanted = false; };
    context->ev.addWrite = [](void* data) { of(data).write_.want(of(data)); };
    context->ev.delWrite = [](void* data) { of(data).write_.wanted = false; };
    context->ev.cleanup = [](void* data) { of(data).detach(); };
    return true;
  }

  event_hooks(std::shared_ptr<redis_connection> owner, redisAsyncContext* context)
      : owner_(std::move(owner)), context_(context), socket_(owner_->loop_) {}

 private:
  using wait_type = boost::asio::posix::stream_descriptor::wait_type;

  /// One direction. A wait is for one event, so it is renewed while hiredis wants more.
  struct direction {
    wait_type type;
    void (*handle)(redisAsyncContext*);
    bool wanted = false;
    bool waiting = false;

    void want(event_hooks& hooks) {
      wanted = true;
      wait(hooks);
    }

    void wait(event_hooks& hooks) {
      if (waiting || !wanted || hooks.context_ == nullptr) {
        return;
      }
      waiting = true;
      hooks.socket_.async_wait(type, [this, kept = hooks.shared_from_this()](const auto& error) {
        waiting = false;
        if (!error && wanted && kept->context_ != nullptr) {
          handle(kept->context_);
        }
        wait(*kept);
      });
    }
  };

  static event_hooks& of(void* data) { return *static_cast<event_hooks*>(data); }

  /// hiredis is about to close the socket and free its context.
  void detach() {
    const auto kept = std::move(self_);
    context_ = nullptr;
    socket_.release();
    const auto owner = std::move(owner_);
    owner->lost();
  }

  std::shared_ptr<event_hooks> self_;
  std::shared_ptr<redis_connection> owner_;
  redisAsyncContext* context_;
  boost::asio::posix::stream_descriptor socket_;
  direction read_{wait_type::wait_read, redisAsyncHandleRead};
  direction write_{wait_type::wait_write, redisAsyncHandleWrite};
};

/// A command in flight, owned by hiredis until it is answered.
struct redis_connection::asked {
  std::shared_ptr<redis_connection> owner;
  reply_handler done;
};

redis_connection::redis_connection(boost::asio::io_context& loop, redis_options options)
    : loop_(loop),
      options_(std::move(options)),
      resolver_(loop),
      deadline_timer_(loop),
      reconnect_timer_(loop),
      reconnect_delay_(options_.reconnect_first_delay) {}

redis_connection::~redis_connection() = default;

void redis_connection::start() {
  resolve();
}

void redis_connection::close() {
  closed_ = true;
  ready_ = false;
  resolver_.cancel();
  deadline_timer_.cancel();
  reconnect_timer_.cancel();
  drop();
}

void redis_connection::send(redis_command command, reply_handler done) {
  if (!ready_) {
    done(nullptr);
    return;
  }
  submit(std::move(command), std::move(done));
}

void redis_connection::send_as_one(std::span<redis_command> commands, reply_handler done) {
  if (!ready_) {
    done(nullptr);
    return;
  }
  // What the server says to these says no more than its reply to EXEC; where one can't be sent, nor can that.
  submit_unheard({"MULTI"});
  for (auto& command : commands) {
    submit_unheard(std::move(command));
  }
  submit({"EXEC"}, std::move(done));
}

/// hiredis would look a name up itself and block the loop meanwhile.
void redis_connection::resolve() {
  boost::system::error_code not_numeric;
  boost::asio::ip::make_address(options_.host, not_numeric);
  if (!not_numeric) {
    connect(options_.host);
    return;
  }
  resolver_.async_resolve(
      options_.host, std::to_string(options_.port),
      [self = shared_from_this()](const auto& error, const auto& found) {
        if (self->closed_) {
          return;
        }
        if (error || found.empty()) {
          self->connect_later();
        } else {
          const auto which = self->attempts_++ % found.size();
          self->connect(
              std::next(found.begin(), static_cast<std::ptrdiff_t>(which))->endpoint().address().to_string());
        }
      });
}

void redis_connection::connect(const std::string& address) {
  redisAsyncContext* context = redisAsyncConnect(address.c_str(), options_.port);
  if (context == nullptr || context->err != 0 || !event_hooks::attach(shared_from_this(), context)) {
    if (context != nullptr) {
      redisAsyncFree(context);
    }
    connect_later();
    return;
  }
  context_ = context;
  greet();
}

/// Both commands are sent behind the connecting and answered within the time-out, or all is lost.
void redis_connection::greet() {
  submit({"SELECT", std::to_string(options_.database)}, [this](const redisReply* reply) {
    if (is_error(reply)) {
      drop();
    }
  });
  submit({"INFO", "server"}, [this](const redisReply* reply) { greeted(reply); });
}

void redis_connection::greeted(const redisReply* info) {
  server_run_ = server_run_of(info);
  if (server_run_.empty() || closed_) {
    drop();
    return;
  }
  ready_ = true;
  reconnect_delay_ = options_.reconnect_first_delay;
}

void redis_connection::submit(redis_command command, reply_handler done) {
  if (context_ == nullptr) {
    done(nullptr);
    return;
  }
  auto in_flight = std::make_unique<asked>(asked{shared_from_this(), std::move(done)});
  deadlines_.push_back(clock::now() + options_.request_timeout);
  const auto wire = command.wire();
  const int status = redisAsyncFormattedCommand(
      context_,
      [](redisAsyncContext*, void* reply, void* data) noexcept {
        const std::unique_ptr<asked> answered(static_cast<asked*>(data));
        answered->owner->replied(*answered, static_cast<const redisReply*>(reply));
      },
      in_flight.get(), wire.data(), wire.size());
  if (status != REDIS_OK) {
    deadlines_.pop_back();
    in_flight->done(nullptr);
    return;
  }
  in_flight.release();
  watch_deadline();
}

void redis_connection::submit_unheard(redis_command command) {
  const auto wire = command.wire();
  redisAsyncFormattedCommand(context_, nullptr, nullptr, wire.data(), wire.size());
}

void redis_connection::replied(const asked& what, const redisReply* reply) {
  deadlines_.pop_front();
  // Null stands for a connection that is being given up: whoever asks now must be refused.
  ready_ = ready_ && reply != nullptr;
  what.done(reply);
}

/// One timer for all: replies come in order, so the first deadline is the first to pass.
void redis_connection::watch_deadline() {
  if (watching_ || deadlines_.empty() || closed_) {
    return;
  }
  watching_ = true;
  deadline_timer_.expires_at(deadlines_.front());
  deadline_timer_.async_wait([self = shared_from_this()](const auto& error) {
    self->watching_ = false;
    if (error || self->closed_) {
      return;
    }
    if (!self->deadlines_.empty() && self->deadlines_.front() <= clock::now()) {
      self->drop();
    }
    self->watch_deadline();
  });
}

void redis_connection::drop() {
  ready_ = false;
  if (context_ != nullptr) {
    redisAsyncFree(context_);
  }
}

void redis_connection::lost() {
  context_ = nullptr;
  ready_ = false;
  if (!closed_) {
    connect_later();
  }
}

void redis_connection::connect_later() {
  reconnect_timer_.expires_after(reconnect_delay_);
  reconnect_delay_ = std::min(2 * reconnect_delay_, options_.reconnect_longest_delay);
  reconnect_timer_.async_wait([self = shared_from_this()](const auto& error) {
    if (!error && !self->closed_) {
      self->resolve();
    }
  });
}

}  // namespace holdfast::storage
