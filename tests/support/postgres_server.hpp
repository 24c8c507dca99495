// A real PostgreSQL server of the test's own, on a unix socket in a temporary folder, with its data there; no
// TCP but on the address that it is told, where it trusts whoever comes from there. Started by the first test
// that wants it, one for the program; ended by its pid, and by the kernel should the test die first.
// PostgreSQL refuses to run as root: as root, it runs as the user postgres. Used by one thread, but for the
// free functions.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/http_client.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::testing {

/// Long enough for a loaded machine with sanitizers on; nothing waits for it to pass.
inline constexpr std::chrono::seconds postgres_deadline{60};

class postgres_server {
 public:
  /// `network` is the one of the address, as "10.0.0.0/24".
  explicit postgres_server(std::string address = "", const std::string& network = "")
      : address_(std::move(address)) {
    if (::geteuid() == 0) {
      const auto* user = ::getpwnam("postgres");
      if (user == nullptr) throw std::runtime_error("no user postgres to run PostgreSQL as");
      user_ = user->pw_uid;
      group_ = user->pw_gid;
      if (::chown(folder_.path().c_str(), user_, group_) != 0) throw std::runtime_error("chown failed");
    }
    const auto made = run({"initdb", "--no-sync", "--auth=trust", "--username=holdfast", "--encoding=UTF8",
                           "--locale=C", "--pgdata=" + data()});
    int status = 0;
    ::waitpid(made, &status, 0);
    if (status != 0) throw std::runtime_error("initdb failed: " + log());
    if (!address_.empty())
      std::ofstream(data() + "/pg_hba.conf", std::ios::app) << "host all all " << network << " trust\n";
    start();
  }
  ~postgres_server() { end(SIGQUIT); }
  postgres_server(const postgres_server&) = delete;
  postgres_server& operator=(const postgres_server&) = delete;

  /// The folder of the socket, as libpq takes it for a host.
  std::string host() const { return folder_.path().string(); }
  std::string url(const std::string& database) const {
    return "postgres:///" + database + "?user=holdfast&host=" + host();
  }
  /// The same over TCP.
  std::string url_of_address(const std::string& database) const {
    return "postgres://holdfast@" + address_ + "/" + database;
  }
  /// Where it keeps what it stores.
  std::string data() const { return folder_ / "data"; }

  /// Returns once it takes connections. After a crash of before, once what is left of that has ended.
  void start() {
    const bool started = eventually(
        [this] {
          if (pid_ == 0) {
            pid_ = run({"postgres", "-D", data(), "-k", host(), "-c", "listen_addresses=" + address_, "-c",
                        "recovery_init_sync_method=syncfs", "-c", "shared_buffers=16MB", "-c",
                        "max_connections=100"});
          }
          if (::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = 0;
          return pid_ != 0 && PQping(url("postgres").c_str()) == PQPING_OK;
        },
        postgres_deadline);
    if (!started) throw std::runtime_error("PostgreSQL does not start: " + log());
  }

  /// SIGKILL: a crash. SIGINT: at once, with its transactions rolled back. SIGQUIT: at once, without care.
  void end(int signal) {
    if (pid_ == 0) return;
    ::kill(pid_, signal);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  /// Stands still with all its connections open, until it is told to go on. Not to be ended meanwhile.
  void freeze() const { signal_all(SIGSTOP); }
  void thaw() const { signal_all(SIGCONT); }

 private:
  static constexpr auto programs = "/usr/lib/postgresql/15/bin/";

  /// The server's own process first: it makes the others.
  void signal_all(int signal) const {
    ::kill(pid_, signal);
    const auto pid = std::to_string(pid_);
    std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
    for (pid_t child = 0; children >> child;) ::kill(child, signal);
  }

  std::string log() const {
    std::ifstream file(folder_ / "log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  /// With its output in the log.
  pid_t run(std::vector<std::string> command) {
    command.front() = programs + command.front();
    std::vector<char*> arguments;
    for (auto& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    const auto log_path = folder_ / "log";
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child != 0) return child;
    const int output = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    const bool changed =
        user_ == 0 || (::setgroups(0, nullptr) == 0 && ::setgid(group_) == 0 && ::setuid(user_) == 0);
    // Behind the change of the user, which would undo it.
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (changed && ::getppid() == parent && ::chdir("/") == 0) ::execv(arguments.front(), arguments.data());
    ::_exit(127);
  }

  const std::string address_;
  temporary_folder folder_;
  uid_t user_ = 0;
  gid_t group_ = 0;
  pid_t pid_ = 0;
};

inline postgres_server& shared_postgres() {
  static postgres_server server;
  return server;
}

/// Runs the statements; the first value of the last one's rows, empty where there is none.
inline std::string run_sql(const std::string& url, const std::string& statements) {
  const std::unique_ptr<PGconn, void (*)(PGconn*)> connection(PQconnectdb(url.c_str()), PQfinish);
  PQsetNoticeProcessor(
      connection.get(), [](void*, const char*) {}, nullptr);
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQexec(connection.get(), statements.c_str()),
                                                              PQclear);
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    throw std::runtime_error(statements + ": " + PQerrorMessage(connection.get()));
  }
  return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

/// A new database on the program's server.
class postgres_database {
 public:
  postgres_database() : name_("test_" + std::to_string(++counter())) {
    run_sql(shared_postgres().url("postgres"), "CREATE DATABASE " + name_);
  }

  const std::string& name() const { return name_; }
  std::string url() const { return shared_postgres().url(name_); }
  /// As the owner of everything, in the schema of the journal.
  std::string sql(const std::string& statements) const {
    return run_sql(url(), "SET search_path = holdfast; " + statements);
  }

 private:
  static std::atomic<int>& counter() {
    static std::atomic<int> databases = 0;
    return databases;
  }
  std::string name_;
};

}  // namespace holdfast::testing
