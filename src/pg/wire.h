#pragma once

// How C++ values look in Postgres's binary format: one overload pair and one type constant per
// type. Source: PostgreSQL documentation, "Frontend/Backend Protocol", and the *send/*recv
// functions.

#include <bit>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "core/check.h"
#include "djps/job.h"
#include "djps/uuid.h"
#include "pg/statement.h"

namespace djps::pg {

/// JSON text for a jsonb parameter; a jsonb column is read as std::string.
struct Json {
  std::string_view text;
};

/// Microseconds from 1970-01-01 (ours) to 2000-01-01 (Postgres's).
inline constexpr std::int64_t kPostgresEpochUs = 946'684'800'000'000;

template <typename Int>
void EncodeInt(std::string& out, Int value) {
  for (int shift = static_cast<int>(sizeof(Int)) * 8 - 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(static_cast<std::make_unsigned_t<Int>>(value) >> shift);
  }
}

template <typename Int>
Int DecodeInt(std::string_view bytes) {
  DJPS_CHECK(bytes.size() >= sizeof(Int));
  std::make_unsigned_t<Int> value = 0;
  for (std::size_t i = 0; i < sizeof(Int); ++i) {
    value =
        static_cast<std::make_unsigned_t<Int>>(value << 8 | static_cast<std::uint8_t>(bytes[i]));
  }
  return static_cast<Int>(value);
}

/// Wire<T>: the type constants, Encode and Decode of one C++ type.
template <typename T>
struct Wire;

template <>
struct Wire<bool> {
  static constexpr Type kType = Type::kBool;
  static constexpr Type kArray = Type::kBoolArray;
  static void Encode(std::string& out, bool value) { out += static_cast<char>(value ? 1 : 0); }
  static bool Decode(std::string_view bytes) { return bytes.front() != 0; }
};

template <typename Int, Type kScalarType, Type kArrayType>
struct WireInt {
  static constexpr Type kType = kScalarType;
  static constexpr Type kArray = kArrayType;
  static void Encode(std::string& out, Int value) { EncodeInt(out, value); }
  static Int Decode(std::string_view bytes) { return DecodeInt<Int>(bytes); }
};
template <>
struct Wire<std::int16_t> : WireInt<std::int16_t, Type::kInt2, Type::kInt2Array> {};
template <>
struct Wire<std::int32_t> : WireInt<std::int32_t, Type::kInt4, Type::kInt4Array> {};
template <>
struct Wire<std::int64_t> : WireInt<std::int64_t, Type::kInt8, Type::kInt8Array> {};

template <>
struct Wire<double> {
  static constexpr Type kType = Type::kFloat8;
  static constexpr Type kArray = Type::kFloat8Array;
  static void Encode(std::string& out, double value) {
    EncodeInt(out, std::bit_cast<std::int64_t>(value));
  }
  static double Decode(std::string_view bytes) {
    return std::bit_cast<double>(DecodeInt<std::int64_t>(bytes));
  }
};

template <>
struct Wire<std::string_view> {
  static constexpr Type kType = Type::kText;
  static constexpr Type kArray = Type::kTextArray;
  static void Encode(std::string& out, std::string_view value) { out += value; }
};

template <>
struct Wire<std::string> : Wire<std::string_view> {
  static std::string Decode(std::string_view bytes) { return std::string(bytes); }
};

template <>
struct Wire<Uuid> {
  static constexpr Type kType = Type::kUuid;
  static constexpr Type kArray = Type::kUuidArray;
  static void Encode(std::string& out, const Uuid& value) {
    out.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
  }
  static Uuid Decode(std::string_view bytes) {
    Uuid id;
    DJPS_CHECK(bytes.size() == id.bytes.size());
    std::memcpy(id.bytes.data(), bytes.data(), bytes.size());
    return id;
  }
};

template <>
struct Wire<Timestamp> {
  static constexpr Type kType = Type::kTimestamptz;
  static constexpr Type kArray = Type::kTimestamptzArray;
  /// Timestamp::min() is '-infinity', as in Postgres itself. Timestamp::max() is 'infinity', and
  /// what Postgres holds beyond it, from the year 294247 on.
  static void Encode(std::string& out, Timestamp value) {
    const std::int64_t us = value.time_since_epoch().count();
    const bool infinite = value == Timestamp::min() || value == Timestamp::max();
    EncodeInt(out, infinite ? us : us - kPostgresEpochUs);
  }
  static Timestamp Decode(std::string_view bytes) {
    const auto us = DecodeInt<std::int64_t>(bytes);
    if (us == Timestamp::min().time_since_epoch().count()) return Timestamp::min();
    const std::int64_t most = Timestamp::max().time_since_epoch().count() - kPostgresEpochUs;
    return us > most ? Timestamp::max()
                     : Timestamp(std::chrono::microseconds(us + kPostgresEpochUs));
  }
};

template <>
struct Wire<std::chrono::microseconds> {
  static constexpr Type kType = Type::kInterval;
  static constexpr Type kArray = Type::kIntervalArray;
  static void Encode(std::string& out, std::chrono::microseconds value) {
    EncodeInt<std::int64_t>(out, value.count());
    EncodeInt<std::int32_t>(out, 0);  // days
    EncodeInt<std::int32_t>(out, 0);  // months
  }
};

template <>
struct Wire<Json> {
  static constexpr Type kType = Type::kJsonb;
  static constexpr Type kArray = Type::kJsonbArray;
  static constexpr char kVersion = 1;
  static void Encode(std::string& out, Json value) {
    out += kVersion;
    out += value.text;
  }
  static std::string Decode(std::string_view bytes) { return std::string(bytes.substr(1)); }
};

}  // namespace djps::pg
