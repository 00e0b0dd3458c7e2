#pragma once

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <string_view>

#include "core/check.h"
#include "pg/wire.h"

namespace djps::pg {

struct ResultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultHandle = std::unique_ptr<PGresult, ResultDeleter>;

/// One row of a result, valid as long as the result. Its values own their data.
class Row {
 public:
  Row(const PGresult* result, int row) : result_(result), row_(row) {}

  /// The value of a column that is never null. Json is read as its text.
  template <typename T>
  auto Get(ColumnAt<T> column) const {
    DJPS_CHECK(PQftype(result_, column.index()) == static_cast<Oid>(Wire<T>::kType));
    DJPS_CHECK(PQgetisnull(result_, row_, column.index()) == 0);
    return Wire<T>::Decode(Bytes(column.index()));
  }

  template <typename T>
  auto Find(ColumnAt<T> column) const {
    const bool null = PQgetisnull(result_, row_, column.index()) != 0;
    return null ? std::nullopt : std::optional(Get(column));
  }

 private:
  std::string_view Bytes(int column) const {
    return {PQgetvalue(result_, row_, column),
            static_cast<std::size_t>(PQgetlength(result_, row_, column))};
  }

  const PGresult* result_;
  int row_;
};

/// The rows a statement returned. Owns them.
class Rows {
 public:
  Rows() = default;  // no rows
  explicit Rows(ResultHandle result) : result_(std::move(result)) {}

  int size() const { return PQntuples(result_.get()); }
  bool empty() const { return size() == 0; }
  Row operator[](int row) const& { return Row(result_.get(), row); }
  Row operator[](int row) && = delete;  // the row would outlive its result

  class Iterator {
   public:
    Iterator(const PGresult* result, int row) : result_(result), row_(row) {}
    Row operator*() const { return Row(result_, row_); }
    Iterator& operator++() {
      ++row_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return row_ != other.row_; }

   private:
    const PGresult* result_;
    int row_;
  };
  Iterator begin() const& { return Iterator(result_.get(), 0); }
  Iterator end() const& { return Iterator(result_.get(), size()); }

 private:
  ResultHandle result_;
};

}  // namespace djps::pg
