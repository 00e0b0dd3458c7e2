#pragma once

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "djps/result.h"

namespace djps {

/// The maximum nesting depth of a payload. Far more than people write, and far less than recursive
/// parsers can handle.
inline constexpr std::size_t kJsonDepthMax = 64;
/// The additional depth of documents that contain values, such as a list of jobs.
inline constexpr std::size_t kWrappedDepthMax = kJsonDepthMax + 16;

/// Appends `text` (UTF-8) as a JSON string, quotes included.
void AppendJsonString(std::string& out, std::string_view text);

/// A place inside a JSON document: member names and array indexes from the top.
class JsonPath {
 public:
  JsonPath& Member(std::string_view name);
  JsonPath& Index(std::size_t index);
  JsonPath& Append(const JsonPath& inner);

  /// For people: "jobs[3].payload.a"; empty for the document itself.
  std::string Name() const;

  /// For programs: "#/jobs/3/payload/a", a JSON Pointer as a URI fragment (RFC 6901, section 6).
  std::string Pointer() const;

 private:
  std::vector<std::variant<std::string, std::size_t>> steps_;
};

/// Writes JSON without white space from the events of a parser. Numbers keep their text, so that 30
/// digits, 1e400 and -0 arrive as they were sent. Tokens may come in any number of parts.
class JsonCompactor {
 public:
  void BeginObject();
  void EndObject();
  void BeginArray();
  void EndArray();
  void KeyPart(std::string_view part);
  void KeyEnd(std::string_view rest);
  void StringPart(std::string_view part);
  void StringEnd(std::string_view rest);
  void NumberPart(std::string_view part);
  void NumberEnd(std::string_view rest);
  void Literal(std::string_view text);  ///< null, true, false

  /// The place of the first NUL character in a string or key: Postgres cannot store NUL.
  const std::optional<JsonPath>& nul_at() const { return nul_at_; }

  /// Bytes of the text so far.
  std::size_t size() const { return out_.size(); }

  /// Returns the text and is ready for the next document.
  std::string Take();

 private:
  struct Frame {
    bool array = false;
    std::size_t items = 0;
    std::string key;
  };

  void BeforeValue();
  void Push(bool array);
  void AppendText(std::string_view text);
  JsonPath Here() const;

  std::string out_;
  std::vector<Frame> frames_;  // only grows: its strings are reused
  std::size_t depth_ = 0;
  bool in_token_ = false;
  std::optional<JsonPath> nul_at_;
};

/// `text` without white space, checked to be one JSON value that Postgres can hold: valid UTF-8, no
/// NUL, at most `depth_max` deep. JsonTrouble (core/job_rules.h) checks whether it fits a field.
///
/// Errors: kInvalidArgument, saying what is wrong and where.
Result<std::string> CompactJson(std::string_view text, std::size_t depth_max = kJsonDepthMax);

/// Why Boost.JSON stopped at `position` of `text`, for people.
std::string DescribeJsonError(const boost::system::error_code& error, std::string_view text,
                              std::size_t position);

}  // namespace djps
