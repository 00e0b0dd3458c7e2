#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

namespace djps::pg {

/// The Postgres types that statements use, by their object ids (fixed in pg_type.dat).
enum class Type : std::uint32_t {
  kBool = 16,
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kText = 25,
  kFloat8 = 701,
  kBoolArray = 1000,
  kInt2Array = 1005,
  kInt4Array = 1007,
  kTextArray = 1009,
  kInt8Array = 1016,
  kFloat8Array = 1022,
  kTimestamptz = 1184,
  kTimestamptzArray = 1185,
  kInterval = 1186,
  kIntervalArray = 1187,
  kUuid = 2950,
  kUuidArray = 2951,
  kJsonb = 3802,
  kJsonbArray = 3807,
};

struct Column {
  std::string_view name;
  Type type;

  bool operator==(const Column&) const = default;
};

/// Whether a reader of rows with the columns `first` can read rows with these.
constexpr bool StartWith(std::span<const Column> columns, std::span<const Column> first) {
  return columns.size() >= first.size() && std::equal(first.begin(), first.end(), columns.begin());
}

/// The index and the type of a column in the rows of a statement. The build makes one for each
/// column in a statement's header: sql::find_job::kRunAt.
template <typename T>
class ColumnAt {
 public:
  explicit constexpr ColumnAt(int index) : index_(index) {}
  constexpr int index() const { return index_; }

 private:
  int index_;
};

/// One .sql file: its name (also the prepared statement's), its text, and the types its header
/// declares. A contract test compares the declaration with the database.
struct Statement {
  std::string_view name;
  std::string_view text;
  std::span<const Type> params;
  std::span<const Column> columns;
};

}  // namespace djps::pg
