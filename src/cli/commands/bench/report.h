#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "bench/settings.h"
#include "cli/frame/terminal.h"

namespace djps::cli {

/// One JSON document: the benchmark, the machine, the settings and the results.
boost::json::object BenchDocument(const bench::Report& report,
                                  const boost::json::object& environment);

/// The same for people: one figure a line.
std::string FormatBench(const boost::json::object& document, const Style& style);

}  // namespace djps::cli
