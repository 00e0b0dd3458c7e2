// Random texts for property tests (*_property_test.cc).
#pragma once

#include <rapidcheck.h>

#include <string>
#include <string_view>
#include <vector>

namespace djps::test_support {

/// Bytes of all kinds: ASCII, characters of several bytes, halves of such, NUL.
inline rc::Gen<std::string> AnyText() {
  const auto piece = rc::gen::oneOf(
      rc::gen::map(rc::gen::arbitrary<char>(), [](char c) { return std::string(1, c); }),
      rc::gen::element<std::string>("a", " ", "\"", "\\", "'", "%41", "\n", "\xc3\xa9",
                                    "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\xa0\x80", "\xff"));
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(piece),
                      [](const std::vector<std::string>& pieces) {
                        std::string text;
                        for (const std::string& one : pieces) text += one;
                        return text;
                      });
}

/// A text of the characters in `alphabet`.
inline rc::Gen<std::string> MadeOf(std::string_view alphabet) {
  return rc::gen::container<std::string>(rc::gen::elementOf(std::string(alphabet)));
}

/// `text` with one piece replaced by such characters, or none: nearly right.
inline rc::Gen<std::string> MadeOf(std::string_view alphabet, const std::string& text) {
  const auto place = rc::gen::inRange<std::size_t>(0, text.size() + 1);
  const auto length = rc::gen::inRange<std::size_t>(0, 4);
  return rc::gen::apply(
      [text](std::size_t from, std::size_t count, const std::string& other) {
        return std::string(text).replace(from, count, other.substr(0, 4));
      },
      place, length, MadeOf(alphabet));
}

/// The pieces in their order, with the white space of JSON around them.
inline rc::Gen<std::string> WithSpaces(const std::vector<std::string>& pieces) {
  return rc::gen::map(
      rc::gen::container<std::vector<std::string>>(pieces.size() + 1, MadeOf(" \t\r\n")),
      [pieces](const std::vector<std::string>& spaces) {
        std::string text = spaces.front();
        for (std::size_t i = 0; i < pieces.size(); ++i) text += pieces[i] + spaces[i + 1];
        return text;
      });
}

}  // namespace djps::test_support
