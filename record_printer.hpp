// Prints records, which are JSON objects, in the form that was asked for: a table for people, JSON, an object
// a line, or CSV (RFC 4180). A table is printed when it is whole, the others as the records come. Writes to a
// stdio stream; used by one thread.
#pragma once

#include <rapidjson/document.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace holdfast {

enum class output_format : std::uint8_t { table, json, ndjson, csv };

/// A column: what tables call it, and where a record has its value (RFC 6901), which is what CSV calls it.
struct column {
  std::string name;
  std::string pointer;
};

class record_printer {
 public:
  record_printer(output_format format, std::vector<column> columns, std::FILE* to = stdout);

  void add(const rapidjson::Value& record);
  void end();
  std::uint64_t count() const { return count_; }

 private:
  std::vector<std::string> cells_of(const rapidjson::Value& record) const;
  void print(const std::string& text);

  const output_format format_;
  const std::vector<column> columns_;
  std::FILE* const to_;
  std::uint64_t count_ = 0;
  std::vector<std::vector<std::string>> rows_;
};

/// The JSON text of a value; a string without its quotes, nothing for null.
std::string plain_text(const rapidjson::Value& value);

}  // namespace holdfast
