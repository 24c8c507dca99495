#include "progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace holdfast {

namespace {

constexpr std::chrono::milliseconds between_bars{100};
constexpr std::chrono::seconds between_lines{5};
constexpr std::size_t bar_width = 30;

}  // namespace

progress::progress(std::string what, std::uint64_t total)
    : what_(std::move(what)),
      total_(total),
      on_terminal_(::isatty(STDERR_FILENO) == 1),
      next_(std::chrono::steady_clock::now() + (on_terminal_ ? std::chrono::seconds(0) : between_lines)) {}

progress::~progress() {
  if (shown_ && on_terminal_) std::fprintf(stderr, "\r%s\n", text().c_str());
}

void progress::reached(std::uint64_t count) {
  count_ = count;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  shown_ = true;
  if (on_terminal_) {
    std::fprintf(stderr, "\r%s", text().c_str());
    next_ = now + between_bars;
  } else {
    std::fprintf(stderr, "%s\n", text().c_str());
    next_ = now + between_lines;
  }
}

std::string progress::text() const {
  const auto counted = std::to_string(count_) + " " + what_;
  if (total_ == 0) return counted;
  const auto share = std::min<double>(1, static_cast<double>(count_) / static_cast<double>(total_));
  const auto percent = std::to_string(static_cast<int>(share * 100)) + " %";
  if (!on_terminal_) return counted + " of " + std::to_string(total_) + ", " + percent;
  const auto full = static_cast<std::size_t>(share * bar_width);
  return "[" + std::string(full, '#') + std::string(bar_width - full, ' ') + "] " + percent + "  " + counted;
}

}  // namespace holdfast
