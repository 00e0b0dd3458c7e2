#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <vector>

namespace djps::test_support {

/// What is wrong with `value` by a JSON Schema (2020-12), as "/pointer: complaint"; empty when it
/// fits. Supports the keywords that api/openapi uses; any other is an error, so that none is
/// ignored. `document` resolves "$ref": "#/...".
std::vector<std::string> SchemaTrouble(const boost::json::value& document,
                                       const boost::json::value& schema,
                                       const boost::json::value& value);

}  // namespace djps::test_support
