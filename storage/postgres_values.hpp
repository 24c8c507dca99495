// The values that go with a statement, and its rows, in PostgreSQL's binary format. Unsigned numbers of 64
// bits travel as `bigint`, bit by bit.
// Values; what a result holds lives as long as the result.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <libpq-fe.h>

namespace holdfast::storage {

/// In the order of $1, $2 and so on.
class postgres_values {
 public:
  postgres_values& number(std::uint64_t value);
  /// `text` or `bytea`.
  postgres_values& bytes(std::string value);
  /// `bigint[]`.
  postgres_values& numbers(const std::vector<std::uint64_t>& values);
  /// `bytea[]`.
  postgres_values& byte_strings(const std::vector<std::string_view>& values);

  const std::vector<std::string>& encoded() const { return encoded_; }

 private:
  std::vector<std::string> encoded_;
};

class postgres_rows {
 public:
  explicit postgres_rows(PGresult* result) : result_(result, PQclear) {}

  std::size_t count() const { return static_cast<std::size_t>(PQntuples(result_.get())); }
  /// Of a `bigint`; 0 where it is null.
  std::uint64_t number(std::size_t row, int column) const;
  /// Of a `text` or `bytea`; empty where it is null.
  std::string bytes(std::size_t row, int column) const;
  /// What the server did: COMMIT, for one.
  std::string_view command() const { return PQcmdStatus(result_.get()); }

 private:
  std::unique_ptr<PGresult, void (*)(PGresult*)> result_;
};

}  // namespace holdfast::storage
