#include "http/process_figures.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

namespace holdfast::http {

namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

void read_usage(process_figures& figures) {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return;
  figures.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

/// proc(5): statm has sizes in pages, of all that is mapped and of what is resident.
void read_memory(process_figures& figures) {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t mapped = 0;
  std::uint64_t resident = 0;
  if (!(statm >> mapped >> resident)) return;
  const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  figures.virtual_bytes = mapped * page_bytes;
  figures.resident_bytes = resident * page_bytes;
}

/// proc(5): how many descriptors the kernel has room for now; no open one has a greater number.
std::size_t descriptor_slots() {
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name;) {
    std::size_t slots = 0;
    if (name == "FDSize:" && status >> slots) return slots;
    status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}

/// poll() knows in one call which numbers are no descriptor. Going through /proc/self/fd takes the kernel
/// some microseconds for each, and with 20,000 connections the loop that is scraped would stand still.
std::optional<std::uint64_t> count_descriptors(std::uint64_t limit) {
  std::vector<pollfd> all(std::min<std::uint64_t>(descriptor_slots(), limit));
  for (std::size_t number = 0; number < all.size(); ++number) all[number].fd = static_cast<int>(number);
  if (all.empty() || ::poll(all.data(), all.size(), 0) < 0) return std::nullopt;
  const auto closed =
      std::count_if(all.begin(), all.end(), [](const pollfd& each) { return each.revents & POLLNVAL; });
  return all.size() - static_cast<std::uint64_t>(closed);
}

void read_descriptors(process_figures& figures) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  figures.most_descriptors = limit.rlim_cur;
  figures.open_descriptors = count_descriptors(limit.rlim_cur);
}

/// When the machine was started, in seconds since the epoch.
std::optional<double> boot_time() {
  std::ifstream stat("/proc/stat");
  for (std::string name; stat >> name; stat.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
    double at = 0;
    if (name == "btime" && stat >> at) return at;
  }
  return std::nullopt;
}

/// proc(5): the 22nd field of stat, in clock ticks since the machine was started. The second is the program's
/// name in parentheses, which may hold anything.
std::optional<double> find_start_time() {
  const auto boot = boot_time();
  std::ifstream file("/proc/self/stat");
  std::string stat;
  if (!boot || !std::getline(file, stat)) return std::nullopt;
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  double ticks = 0;
  if (!(fields >> ticks)) return std::nullopt;
  return *boot + ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

process_figures read_process_figures() {
  // Never changes, but for the clock being set: whoever compares it wants it to stay.
  static const auto started_at = find_start_time();
  process_figures figures;
  figures.started_at_seconds = started_at;
  read_usage(figures);
  read_memory(figures);
  read_descriptors(figures);
  return figures;
}

}  // namespace holdfast::http
