#include "storage/redis_view.hpp"

#include <csignal>

#include "storage/redis_session.hpp"
#include "storage/redis_view_reader.hpp"
#include "storage/redis_view_writer.hpp"

namespace holdfast::storage {

redis_view::redis_view(redis_options options)
    : options_(std::move(options)), session_(std::make_shared<redis_session_holder>()) {
  // hiredis writes without MSG_NOSIGNAL: a server that goes away would end this process.
  std::signal(SIGPIPE, SIG_IGN);
}

redis_view::~redis_view() = default;

std::unique_ptr<view_reader> redis_view::make_reader(boost::asio::io_context& loop) {
  return std::make_unique<redis_view_reader>(loop, options_, session_);
}

std::unique_ptr<view_writer> redis_view::make_writer() {
  return std::make_unique<redis_view_writer>(options_, session_);
}

}  // namespace holdfast::storage
