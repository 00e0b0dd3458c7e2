#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/problem.h"

namespace djps::server {

/// The parameters of a request's query, read by name and checked as they are read, as in Fields:
///
///     Query query(request.message.target());
///     const auto limit = query.Integer("limit", 1, 1000).value_or(100);
///     if (auto problem = query.Finish()) co_return tl::unexpected(*problem);
///
/// A missing parameter reads as nothing; an empty or repeated one is an error.
class Query {
 public:
  explicit Query(std::string_view target);

  std::optional<std::string> Text(std::string_view name, std::size_t bytes_max = 255);
  /// A name with the characters of types and queues.
  std::optional<std::string> Name(std::string_view name);
  std::optional<long long> Integer(std::string_view name, long long min, long long max);
  std::optional<bool> Bool(std::string_view name);

  /// Adds the error "`name` `detail`" of a parameter.
  void Add(std::string_view name, std::string detail);

  /// The errors, including unknown parameters (never read). Call it once, at the end.
  std::optional<Problem> Finish();

 private:
  struct Parameter {
    std::string name;
    std::string value;
    bool read = false;
  };

  std::vector<Parameter> parameters_;
  std::vector<std::string> known_;
  FieldProblems problems_;
};

}  // namespace djps::server
