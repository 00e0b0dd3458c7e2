#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_text.h"
#include "djps/job.h"
#include "djps/uuid.h"
#include "server/http/problem.h"
#include "server/wire/fields_parser.h"

namespace djps::server {

/// The members of a request's JSON object, read by name and checked as they are read. All errors
/// are collected, so that a client gets them at once:
///
///     Fields fields(request.body());
///     const auto delay = fields.Duration("delayMs", 0ms, 24h).value_or(30s);
///     const auto ids = fields.Uuids("ids", 1, 1000);
///     if (auto problem = fields.Finish()) co_return tl::unexpected(*problem);
///
/// Names are given in camelCase; requests may use snake_case too. A member that is missing or null
/// reads as nothing. After an error the values must not be used; Finish returns the error.
class Fields {
 public:
  /// An empty body means {}. `where`: the place of this object, for error messages.
  explicit Fields(std::string_view body, JsonPath where = {});

  /// The same for a body that was fed to a parser, in slices if it may be large (wire/slices.h).
  explicit Fields(FieldsParser parser, JsonPath where = {});

  /// Bytes of those members of this object that were split.
  std::size_t size() const;

  std::optional<std::string> Text(std::string_view name, std::size_t bytes_max,
                                  std::size_t bytes_min = 1);
  std::optional<long long> Integer(std::string_view name, long long min, long long max);
  std::optional<double> Number(std::string_view name, double min, double max);
  std::optional<bool> Bool(std::string_view name);
  /// Whole milliseconds.
  std::optional<std::chrono::milliseconds> Duration(std::string_view name,
                                                    std::chrono::milliseconds min,
                                                    std::chrono::milliseconds max);
  /// RFC 3339.
  std::optional<Timestamp> Time(std::string_view name);
  /// Any JSON value that can be stored in that many bytes (JsonTrouble), compact, with numbers as
  /// they were sent. JSON null reads as nothing.
  std::optional<std::string> Json(std::string_view name, std::size_t bytes_max);
  /// The same without the check that it can be stored.
  std::optional<std::string> UncheckedJson(std::string_view name);
  std::optional<Uuid> Id(std::string_view name);
  /// A name with the characters of types and queues.
  std::optional<std::string> Name(std::string_view name);

  std::optional<std::vector<std::string>> Texts(std::string_view name, std::size_t count_max,
                                                std::size_t bytes_max);
  std::optional<std::vector<std::string>> Names(std::string_view name, std::size_t count_max);
  std::optional<std::vector<Uuid>> Uuids(std::string_view name, std::size_t count_max);
  /// Whole milliseconds, each from 0 to `max`.
  std::optional<std::vector<std::chrono::milliseconds>> Durations(std::string_view name,
                                                                  std::size_t count_max,
                                                                  std::chrono::milliseconds max);
  /// An object. Errors inside it are reported here.
  std::optional<Fields> Object(std::string_view name);
  /// The objects of an array. Errors inside them are reported here.
  std::optional<std::vector<Fields>> Objects(std::string_view name, std::size_t count_max);

  /// Whether no error has been reported so far, in the whole body.
  bool Flawless() const;

  /// Reports a missing member: call it with the result of a getter.
  template <typename T>
  T Required(std::string_view name, std::optional<T> value) {
    if (value) return *std::move(value);
    if (!Has(name)) Add(name, "is missing");
    return T();
  }

  /// Adds the error "`name` `detail`".
  void Add(std::string_view name, std::string detail);

  /// Whether a member of this name was sent and is not null.
  bool Has(std::string_view name) const;

  /// Whether a member of this name was sent, even as null.
  bool Sent(std::string_view name) const;

  /// The errors, including unknown members (never read). Call it once, at the end, for the whole
  /// body.
  std::optional<Problem> Finish();

 private:
  struct Member;
  struct Node;
  struct Body;

  Fields(std::shared_ptr<Body> body, Node& object);

  Member* FindMember(std::string_view name);
  const std::string_view* Find(std::string_view name);
  /// The nested object whose text is `value`; reports it if it is not an object.
  std::optional<Fields> Inside(const JsonPath& path, std::string_view value);
  /// An array member; null if it is missing or wrong.
  const ParsedMember* Array(std::string_view name, std::size_t count_max);
  std::optional<std::vector<std::string>> Items(std::string_view name, std::size_t count_max);
  /// The objects of an array, each with the members that the parser has split.
  std::vector<Fields> Split(const JsonPath& path, const ParsedMember& array);
  JsonPath PathOf(std::string_view name) const;

  std::shared_ptr<Body> body_;  // shared with nested objects
  Node* object_;                // owned by the body
};

}  // namespace djps::server
