// Properties of the command line's parsers for every input: see core_property_test.cc.
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <rapidcheck/gtest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands/ndjson.h"
#include "cli/frame/duration.h"
#include "pg/conninfo.h"
#include "support/texts.h"

namespace djps::cli {
namespace {

using test_support::AnyText;
using test_support::MadeOf;

// ---- Durations ----------------------------------------------------------------------------------

RC_GTEST_PROP(DurationProperty, ReadsBackWhatItPrints, ()) {
  constexpr std::int64_t kTenYears = 10LL * 365 * 24 * 3'600'000;
  const std::int64_t unit =
      *rc::gen::element<std::int64_t>(1, 1'000, 60'000, 3'600'000, 86'400'000);
  const std::chrono::milliseconds duration(
      unit * *rc::gen::inRange<std::int64_t>(0, kTenYears / unit + 1));
  const auto read = ParseDuration(FormatDuration(duration));
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == duration);
}

RC_GTEST_PROP(DurationProperty, AcceptsNothingButANumberAndAUnit, ()) {
  const std::string text = *rc::gen::oneOf(AnyText(), MadeOf("0123456789mshd. -+"));
  const auto read = ParseDuration(text);
  if (!read) {
    RC_ASSERT(!read.error().message.empty());
    return;
  }
  RC_ASSERT(read->count() >= 0);
  const std::string_view unit =
      std::string_view(text).substr(text.find_first_not_of("0123456789") == std::string::npos
                                        ? text.size()
                                        : text.find_first_not_of("0123456789"));
  RC_ASSERT(unit.size() < text.size());
  RC_ASSERT(unit == "ms" || unit == "s" || unit == "m" || unit == "h" || unit == "d" ||
            (unit.empty() && read->count() == 0));
}

// ---- NDJSON -------------------------------------------------------------------------------------

RC_GTEST_PROP(NdjsonProperty, EveryJobComesInItsOrderWhateverTheBatches, ()) {
  const auto kinds = *rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>("job", "", " ", "\t\r"));
  std::string text;
  std::vector<std::string> wanted;
  std::vector<std::uint64_t> lines;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == "job") {
      wanted.push_back("type" + std::to_string(i));
      lines.push_back(i + 1);
      text += "{\"type\":\"" + wanted.back() + "\"}\n";
    } else {
      text += kinds[i] + "\n";
    }
  }
  if (*rc::gen::arbitrary<bool>() && !text.empty()) text.pop_back();
  const auto jobs_max = *rc::gen::inRange<std::size_t>(1, 5);
  std::istringstream input(text);
  NdjsonReader reader(input, "input");
  std::size_t seen = 0;
  for (;;) {
    const auto batch = reader.Next(jobs_max);
    RC_ASSERT(batch.has_value());
    if (batch->jobs.empty()) break;
    RC_ASSERT(batch->jobs.size() <= jobs_max);
    RC_ASSERT(batch->first_line == lines.at(seen));
    for (const NewJob& job : batch->jobs) RC_ASSERT(job.type == wanted.at(seen++));
    RC_ASSERT(batch->last_line == lines.at(seen - 1));
  }
  RC_ASSERT(seen == wanted.size());
  RC_ASSERT(reader.bytes_read() == text.size());
}

RC_GTEST_PROP(NdjsonProperty, AnyBytesEndInJobsOrInAnErrorThatNamesALine, ()) {
  const std::string text =
      *rc::gen::oneOf(AnyText(), MadeOf("{}\":type,\n 1", "{\"type\":\"a\"}\n{\"type\":\"b\"}\n"));
  std::istringstream input(text);
  NdjsonReader reader(input, "input");
  for (;;) {
    const auto batch = reader.Next(2);
    if (!batch) RC_ASSERT(batch.error().message.starts_with("line "));
    if (!batch || batch->jobs.empty()) return;
  }
}

// ---- Connection strings -------------------------------------------------------------------------

using Options = std::map<std::string, std::string>;

/// As libpq reads them; nothing if libpq refuses it.
std::optional<Options> ReadByLibpq(const std::string& conninfo) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(
      PQconninfoParse(conninfo.c_str(), nullptr), &PQconninfoFree);
  if (!parsed) return std::nullopt;
  Options options;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) options[option->keyword] = option->val;
  }
  return options;
}

std::string PercentEncoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    encoded += {'%', kDigits[byte >> 4U], kDigits[byte & 0xfU]};
  }
  return encoded;
}

/// Without NUL, which libpq's texts cannot hold.
rc::Gen<std::string> AnyValue() {
  return rc::gen::nonEmpty(rc::gen::map(AnyText(), [](std::string text) {
    std::erase(text, '\0');
    return text + "x";
  }));
}

RC_GTEST_PROP(ConninfoProperty, AUriKeepsItsValues, ()) {
  const std::string user = *AnyValue();
  const std::string password = *AnyValue();
  const std::string database = *AnyValue();
  const auto resolved =
      pg::ResolveConninfo("postgres://" + PercentEncoded(user) + ":" + PercentEncoded(password) +
                              "@db.example:6000/" + PercentEncoded(database),
                          "test");
  RC_ASSERT(resolved.has_value());
  const auto options = ReadByLibpq(*resolved);
  RC_ASSERT(options.has_value());
  RC_ASSERT(options->at("user") == user);
  RC_ASSERT(options->at("password") == password);
  RC_ASSERT(options->at("dbname") == database);
  RC_ASSERT(options->at("host") == "db.example");
  RC_ASSERT(options->at("port") == "6000");
  // Nothing is left to complete, so it stays as it is.
  RC_ASSERT(pg::ResolveConninfo(*resolved, "test") == *resolved);
}

RC_GTEST_PROP(ConninfoProperty, ThePasswordIsNotShown, ()) {
  // Of letters that no keyword and no other value has.
  const std::string password = "QX" + *MadeOf("QXZ'\\ ");
  const auto resolved =
      pg::ResolveConninfo("postgres://me:" + PercentEncoded(password) + "@db.example/app", "test");
  RC_ASSERT(resolved.has_value());
  RC_ASSERT(pg::RedactConninfo(*resolved).find("QX") == std::string::npos);
}

RC_GTEST_PROP(ConninfoProperty, AcceptsWhatLibpqAccepts, ()) {
  const std::string given =
      *rc::gen::oneOf(AnyValue(), MadeOf("=' \\/:@?&%", "host=a password='p q' dbname=x"),
                      MadeOf("=' \\/:@?&%", std::string("postgres://u:p@h:1/d?sslmode=prefer")));
  const auto resolved = pg::ResolveConninfo(given, "test");
  RC_ASSERT(resolved.has_value() == ReadByLibpq(given).has_value());
  if (resolved) RC_ASSERT(ReadByLibpq(*resolved).has_value());
}

}  // namespace
}  // namespace djps::cli
