#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/frame/terminal.h"
#include "djps/job.h"

namespace djps::cli {

enum class Align { kLeft, kRight };
enum class Tone { kPlain, kGood, kBad, kPending };

struct Column {
  std::string name;
  Align align = Align::kLeft;
};

struct Cell {
  std::string text;
  Tone tone = Tone::kPlain;
};

/// Rows under a heading, for people: aligned, and cut at the width of the terminal.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// One cell for each column. Control characters in cells are escaped here.
  void Add(std::vector<Cell> row);

  /// At most `width` characters per line; 0: no limit.
  std::string Format(const Style& style, std::size_t width) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

/// Formats a status, the same way in all commands.
Cell StatusCell(JobStatus status);
std::string Painted(const Cell& cell, const Style& style);

}  // namespace djps::cli
