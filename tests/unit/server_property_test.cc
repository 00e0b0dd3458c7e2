// Properties of the server's parsers for every input: see core_property_test.cc.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/wire/list_cursor.h"
#include "server/wire/query.h"
#include "support/texts.h"

namespace djps::server {
namespace {

using test_support::AnyText;
using test_support::MadeOf;

store::ListPosition AnyPosition() {
  store::ListPosition position;
  for (std::uint8_t& byte : position.id.bytes) byte = *rc::gen::arbitrary<std::uint8_t>();
  position.priority = *rc::gen::arbitrary<std::int16_t>();
  position.visible_at = Timestamp(std::chrono::microseconds(*rc::gen::arbitrary<std::int64_t>()));
  position.queue = *AnyText();
  return position;
}

RC_GTEST_PROP(ListCursorProperty, ReadsBackWhatItWrites, ()) {
  const store::ListPosition position = AnyPosition();
  const std::string scope = *AnyText();
  const auto read = ReadCursor(WriteCursor(position, scope), scope);
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->id == position.id);
  RC_ASSERT(read->priority == position.priority);
  RC_ASSERT(read->visible_at == position.visible_at);
  RC_ASSERT(read->queue == position.queue);
}

RC_GTEST_PROP(ListCursorProperty, RefusesWhatWasChanged, ()) {
  const std::string scope = *AnyText();
  const std::string cursor = WriteCursor(AnyPosition(), scope);
  const std::string other = *rc::gen::oneOf(AnyText(), MadeOf("0123456789abcdefA ", cursor));
  if (other != cursor) RC_ASSERT(!ReadCursor(other, scope));
  RC_ASSERT(!ReadCursor(cursor, scope + "x"));
}

RC_GTEST_PROP(QueryProperty, ReadsBackWhatWasEncoded, ()) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const std::string value = "x" + *MadeOf("abc&=+%#? /");
  std::string encoded;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    encoded += {'%', kDigits[byte >> 4U], kDigits[byte & 0xfU]};
  }
  Query query("/jobs?before=1&name=" + encoded + "&after=2");
  RC_ASSERT(query.Text("name") == value);
  RC_ASSERT(query.Text("before") == std::string("1"));
  RC_ASSERT(query.Integer("after", 0, 9) == 2);
  RC_ASSERT(!query.Finish());
}

RC_GTEST_PROP(QueryProperty, AnyTargetIsReadOrRefused, ()) {
  Query query("/jobs?" + *rc::gen::oneOf(AnyText(), MadeOf("name&=+%#?/1", "name=1")));
  query.Text("name");
  query.Finish();
}

}  // namespace
}  // namespace djps::server
