#include "cli/commands/bench/report.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <utility>
#include <vector>

namespace djps::cli {

namespace json = boost::json;

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

/// "jobs_per_s" as words; memory is shown with its unit.
std::string Label(std::string_view name) {
  constexpr std::string_view kBytes = "_bytes";
  if (name.ends_with("memory_bytes")) name.remove_suffix(kBytes.size());
  std::string label(name);
  for (char& c : label) {
    if (c == '_') c = ' ';
  }
  return label;
}

std::string FormatNumber(double number) {
  constexpr double kWhole = 100;
  if (number >= kWhole) return FormatCount(static_cast<std::uint64_t>(std::llround(number)));
  return fmt::format("{:.4g}", number);
}

std::string FormatValue(std::string_view name, const json::value& value) {
  constexpr double kMegabyte = 1024.0 * 1024.0;
  if (value.is_null()) return "unknown";
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_array()) {
    std::string list;
    for (const json::value& item : value.get_array()) {
      list += (list.empty() ? "" : "  ") + FormatValue("", item);
    }
    return list.empty() ? "none" : list;
  }
  const double number = value.is_number() ? value.to_number<double>() : 0;
  if (name.ends_with("memory_bytes")) return FormatNumber(number / kMegabyte) + " MB";
  return FormatNumber(number);
}

void AddFields(Fields& fields, const std::string& before, const json::object& object) {
  for (const auto& [key, value] : object) {
    const std::string label = before.empty() ? Label(key) : before + " " + Label(key);
    if (value.is_object()) {
      AddFields(fields, label, value.get_object());
    } else {
      fields.emplace_back(label, FormatValue(key, value));
    }
  }
}

}  // namespace

json::object BenchDocument(const bench::Report& report, const json::object& environment) {
  json::object document{{"benchmark", report.benchmark}, {"interrupted", report.interrupted}};
  for (const auto& member : environment) document.insert(member);
  document["settings"] = report.settings;
  document["results"] = report.results;
  return document;
}

std::string FormatBench(const json::object& document, const Style& style) {
  Fields settings;
  AddFields(settings, "", document.at("settings").as_object());
  Fields results;
  AddFields(results, "", document.at("results").as_object());
  std::string head = std::string(document.at("benchmark").as_string());
  if (document.at("interrupted").as_bool()) head += " (interrupted)";
  return style.Bold(head) + "\n" + FormatFields(settings, style) + "\n" + style.Bold("measured") +
         "\n" + FormatFields(results, style);
}

}  // namespace djps::cli
