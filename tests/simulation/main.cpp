// scripts/simulate: many seeds on several processes, or one seed with its trace.
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iostream>
#include <map>
#include <new>
#include <stdexcept>
#include <string>

#include "tests/proof/history_json.hpp"
#include "tests/simulation/simulation.hpp"

namespace {

using namespace holdfast;
using namespace std::chrono_literals;

constexpr std::size_t most_workers = 64;
constexpr auto progress_every = 5s;

struct settings {
  std::uint64_t seeds = 1000;
  std::uint64_t from = 1;
  std::uint32_t jobs = 1;
  bool quiet = false;
};

/// What a worker tells while it works, in memory that its parent shares: it survives the worker.
struct worker_figures {
  std::atomic<std::uint64_t> seed{0};
  std::atomic<std::uint64_t> seeds{0};
  std::atomic<std::uint64_t> operations{0};
  std::atomic<std::uint64_t> reservations{0};
  std::atomic<std::uint64_t> steps{0};
  std::array<std::atomic<std::uint64_t>, simulation::fault_count> struck{};
};

class board {
 public:
  board() {
    void* shared = mmap(nullptr, sizeof(worker_figures) * most_workers, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) throw std::bad_alloc();
    workers_ = static_cast<worker_figures*>(shared);
    for (std::size_t i = 0; i < most_workers; ++i) new (workers_ + i) worker_figures;
  }
  worker_figures& of(std::size_t worker) { return workers_[worker]; }
  std::uint64_t sum(std::atomic<std::uint64_t> worker_figures::*figure) const {
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < most_workers; ++i) all += workers_[i].*figure;
    return all;
  }
  std::uint64_t struck(std::size_t fault) const {
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < most_workers; ++i) all += workers_[i].struck[fault];
    return all;
  }

 private:
  worker_figures* workers_ = nullptr;
};

void count(const simulation::run_result& result, worker_figures& into) {
  ++into.seeds;
  into.operations += result.judged.operations;
  into.reservations += result.judged.reservations;
  into.steps += result.steps;
  for (std::size_t i = 0; i < simulation::fault_count; ++i) into.struck[i] += result.struck[i];
}

/// Every jobs-th seed, until one is broken. What it exits with.
int work(const settings& wanted, std::size_t worker, worker_figures& figures, std::ostream& out) {
  for (auto i = worker; i < wanted.seeds; i += wanted.jobs) {
    figures.seed = wanted.from + i;
    const auto result = simulation::simulate(figures.seed);
    count(result, figures);
    if (result.judged.good()) continue;
    out << "Seed " << figures.seed << ":\n" + proof::to_text(result.judged, result.history.facts)
        << std::flush;
    return 1;
  }
  return 0;
}

void report_progress(const board& figures, const settings& wanted, std::chrono::duration<double> took) {
  const auto seeds = figures.sum(&worker_figures::seeds);
  std::cerr << seeds << " of " << wanted.seeds << " seeds, "
            << static_cast<std::uint64_t>(static_cast<double>(seeds) / took.count()) << "/s\n";
}

void summarize(const board& figures, std::chrono::duration<double> took, std::ostream& out) {
  const auto seeds = figures.sum(&worker_figures::seeds);
  out << seeds << " seeds in " << static_cast<std::uint64_t>(took.count() + 0.5) << " s ("
      << static_cast<std::uint64_t>(static_cast<double>(seeds) / took.count())
      << "/s): " << figures.sum(&worker_figures::operations) << " operations, "
      << figures.sum(&worker_figures::reservations) << " reservations, "
      << figures.sum(&worker_figures::steps) << " steps\nfaults:";
  for (std::size_t i = 0; i < simulation::fault_count; ++i) {
    out << (i == 0 ? " " : ", ") << simulation::name_of(static_cast<simulation::fault>(i)) << " "
        << figures.struck(i);
  }
  out << "\n";
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return "was ended by signal " + std::to_string(WTERMSIG(status));
  return "exited with " + std::to_string(WEXITSTATUS(status));
}

pid_t start_worker(const settings& wanted, std::size_t worker, worker_figures& figures, std::ostream& out) {
  const auto child = fork();
  if (child < 0) throw std::runtime_error("a worker can't be started");
  if (child > 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  _exit(work(wanted, worker, figures, out));
}

/// A worker that found a broken seed has told; one that broke itself can't.
void tell_of_broken_worker(int status, std::uint64_t seed, std::ostream& out) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 1) return;
  out << "Seed " << seed << ": the simulation " << how_it_ended(status) << "\nAgain: scripts/simulate --seed "
      << seed << " --trace\n";
}

/// The workers that have ended by now. True if one of them ended badly.
bool look_after(std::map<pid_t, std::size_t>& workers, board& figures, std::ostream& out) {
  int status = 0;
  for (pid_t ended = 0; (ended = waitpid(-1, &status, WNOHANG)) > 0;) {
    const auto which = workers.extract(ended).mapped();
    if (status == 0) continue;
    tell_of_broken_worker(status, figures.of(which).seed, out);
    return true;
  }
  return false;
}

void end_all(const std::map<pid_t, std::size_t>& workers) {
  for (const auto& [worker, which] : workers) kill(worker, SIGKILL);
  for (const auto& [worker, which] : workers) waitpid(worker, nullptr, 0);
}

int run_many(const settings& wanted, std::ostream& out) {
  sigset_t child_ended;
  sigemptyset(&child_ended);
  sigaddset(&child_ended, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child_ended, nullptr);
  board figures;
  std::map<pid_t, std::size_t> workers;
  for (std::size_t i = 0; i < wanted.jobs; ++i) workers[start_worker(wanted, i, figures.of(i), out)] = i;

  const auto began = std::chrono::steady_clock::now();
  bool broken = false;
  while (!workers.empty() && !broken) {
    constexpr timespec until_progress{std::chrono::seconds(progress_every).count(), 0};
    const bool some_ended = sigtimedwait(&child_ended, nullptr, &until_progress) == SIGCHLD;
    broken = look_after(workers, figures, out);
    if (!some_ended && !wanted.quiet) {
      report_progress(figures, wanted, std::chrono::steady_clock::now() - began);
    }
  }
  // The first that is found is enough.
  end_all(workers);
  summarize(figures, std::chrono::steady_clock::now() - began, out);
  return broken ? 1 : 0;
}

int run_one(std::uint64_t seed, bool traced, const std::string& history_file, std::ostream& out) {
  const auto result = simulation::simulate(seed, traced ? &out : nullptr);
  if (!history_file.empty()) {
    std::ofstream file(history_file);
    proof::write_history(file, result.history);
  }
  // A trace is a trace and nothing else: what is wrong stands beside it.
  (traced ? std::cerr : out) << proof::to_text(result.judged, result.history.facts);
  return result.judged.good() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Simulates the whole engine, a history for each seed, and judges it.", "simulate");
  settings wanted;
  wanted.jobs = std::max(1u, static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN)));
  std::uint64_t seed = 0;
  bool traced = false;
  std::string history_file;
  app.add_option("--seeds", wanted.seeds, "how many seeds, one after the other");
  app.add_option("--from", wanted.from, "the first of them");
  app.add_option("--jobs", wanted.jobs, "processes that share them")->check(CLI::Range(1u, 64u));
  app.add_flag("--quiet", wanted.quiet, "no progress");
  const auto* one = app.add_option("--seed", seed, "this one only");
  app.add_flag("--trace", traced, "print what happens in it, and nothing else");
  app.add_option("--history", history_file, "write its history to this file, for holdfast_check");
  CLI11_PARSE(app, argc, argv);

  // What is wrong is in the verdict; the engine's log and CAF's own words would be in the way.
  spdlog::set_level(spdlog::level::off);
  std::ostream out(std::cout.rdbuf());
  std::cout.rdbuf(nullptr);
  return *one ? run_one(seed, traced, history_file, out) : run_many(wanted, out);
}
