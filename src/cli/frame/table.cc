#include "cli/frame/table.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

namespace djps::cli {
namespace {

constexpr std::string_view kGap = "  ";
constexpr std::string_view kEllipsis = "…";

/// The first `width` characters; the last one is an ellipsis if the text was longer.
std::string Cut(const std::string& text, std::size_t width) {
  if (TextWidth(text) <= width) return text;
  if (width == 0) return {};
  std::size_t end = 0;
  for (std::size_t kept = 0; kept + 1 < width; ++kept) {
    do {
      ++end;
    } while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U);
  }
  return text.substr(0, end).append(kEllipsis);
}

}  // namespace

void Table::Add(std::vector<Cell> row) {
  row.resize(columns_.size());
  for (Cell& cell : row) cell.text = Printable(cell.text);
  rows_.push_back(std::move(row));
}

std::string Table::Format(const Style& style, std::size_t width) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    widths.push_back(TextWidth(columns_[i].name));
    for (const auto& row : rows_) widths[i] = std::max(widths[i], TextWidth(row[i].text));
  }
  const std::size_t width_max = width > 0 ? width : std::numeric_limits<std::size_t>::max();
  std::string table;
  const auto add_line = [&](const auto& cell_at, auto paint) {
    std::size_t room = width_max;
    for (std::size_t i = 0; i < columns_.size() && room > 0; ++i) {
      Cell cell = cell_at(i);
      std::string padding(widths[i] - TextWidth(cell.text), ' ');
      const bool last = i + 1 == columns_.size();
      if (columns_[i].align == Align::kRight) cell.text.insert(0, std::exchange(padding, {}));
      cell.text = Cut(cell.text, room);
      room -= TextWidth(cell.text);
      if (!last)
        cell.text += padding.substr(0, std::exchange(room, room - std::min(room, padding.size())));
      table += paint(cell);
      if (last) break;
      const std::string_view gap = kGap.substr(0, std::min(kGap.size(), room));
      table += gap;
      room -= gap.size();
    }
    while (table.ends_with(' ')) table.pop_back();
    table += '\n';
  };
  add_line([this](std::size_t i) { return Cell{columns_[i].name}; },
           [&](const Cell& cell) { return style.Bold(cell.text); });
  for (const auto& row : rows_) {
    add_line([&row](std::size_t i) { return row[i]; },
             [&](const Cell& cell) { return Painted(cell, style); });
  }
  return table;
}

Cell StatusCell(JobStatus status) {
  std::string name(StatusName(status));
  switch (status) {
    case JobStatus::kSucceeded:
      return {std::move(name), Tone::kGood};
    case JobStatus::kDead:
    case JobStatus::kCanceled:
    case JobStatus::kFailed:
      return {std::move(name), Tone::kBad};
    case JobStatus::kQueued:
    case JobStatus::kRunning:
      break;
  }
  return {std::move(name), Tone::kPending};
}

std::string Painted(const Cell& cell, const Style& style) {
  switch (cell.tone) {
    case Tone::kGood:
      return style.Good(cell.text);
    case Tone::kBad:
      return style.Bad(cell.text);
    case Tone::kPending:
      return style.Pending(cell.text);
    case Tone::kPlain:
      break;
  }
  return cell.text;
}

}  // namespace djps::cli
