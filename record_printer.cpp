#include "record_printer.hpp"

#include <rapidjson/pointer.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace holdfast {

namespace {

std::string json_of(const rapidjson::Value& value) {
  rapidjson::StringBuffer text;
  rapidjson::Writer<rapidjson::StringBuffer> writer(text);
  value.Accept(writer);
  return {text.GetString(), text.GetSize()};
}

/// Customers write some of it. What a spreadsheet would take for a formula it shows as text.
std::string csv_of(const std::string& text) {
  const bool formula =
      !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
  const bool number = text.find_first_not_of("0123456789.-") == std::string::npos;
  const auto cell = formula && !number ? "'" + text : text;
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char c : cell) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

/// Without what moves a terminal's cursor, or does more: control characters, those of C1 in UTF-8 too.
std::string printable(std::string text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool c1 = byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (c1) text.erase(i, 1);
    if (byte < ' ' || byte == 0x7F || c1) text[i] = '?';
  }
  return text;
}

/// Characters, not bytes, as far as UTF-8 tells them.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string csv_row(const std::vector<std::string>& cells) {
  std::string row;
  for (std::size_t i = 0; i < cells.size(); ++i) row += (i == 0 ? "" : ",") + csv_of(cells[i]);
  return row + "\r\n";
}

}  // namespace

std::string plain_text(const rapidjson::Value& value) {
  if (value.IsNull()) return {};
  if (value.IsString()) return {value.GetString(), value.GetStringLength()};
  return json_of(value);
}

record_printer::record_printer(output_format format, std::vector<column> columns, std::FILE* to)
    : format_(format), columns_(std::move(columns)), to_(to) {
  std::vector<std::string> names;
  std::vector<std::string> fields;
  for (const auto& each : columns_) {
    names.push_back(each.name);
    fields.push_back(each.pointer.substr(1));
  }
  if (format_ == output_format::csv) print(csv_row(fields));
  if (format_ == output_format::table) rows_.push_back(std::move(names));
}

std::vector<std::string> record_printer::cells_of(const rapidjson::Value& record) const {
  std::vector<std::string> cells;
  for (const auto& each : columns_) {
    const auto* value = rapidjson::Pointer(each.pointer.c_str(), each.pointer.size()).Get(record);
    cells.push_back(value == nullptr ? std::string() : plain_text(*value));
  }
  return cells;
}

void record_printer::add(const rapidjson::Value& record) {
  switch (format_) {
    case output_format::table:
      rows_.push_back(cells_of(record));
      for (auto& cell : rows_.back()) cell = printable(std::move(cell));
      break;
    case output_format::csv:
      print(csv_row(cells_of(record)));
      break;
    case output_format::ndjson:
      print(json_of(record) + "\n");
      break;
    case output_format::json:
      print((count_ == 0 ? "[" : ",\n ") + json_of(record));
      break;
  }
  ++count_;
}

void record_printer::end() {
  if (format_ == output_format::json) print(count_ == 0 ? "[]\n" : "]\n");
  if (format_ != output_format::table) return;
  std::vector<std::size_t> widths(columns_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - width_of(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    print(line + "\n");
  }
}

void record_printer::print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), to_);
}

}  // namespace holdfast
