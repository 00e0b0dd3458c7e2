#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pg/statement.h"
#include "pg/wire.h"

namespace djps::pg {

/// The parameters of one call, encoded in Postgres's binary format, in the statement's order.
class Params {
 public:
  template <typename T>
  Params& Add(const T& value) {
    Begin(Wire<T>::kType);
    Wire<T>::Encode(buffer_, value);
    End();
    return *this;
  }
  Params& Add(std::string_view value) { return Add<std::string_view>(value); }

  /// Null if it is empty.
  template <typename T>
  Params& Add(const std::optional<T>& value) {
    if (value) return Add(*value);
    Begin(Wire<T>::kType);
    EndNull();
    return *this;
  }

  /// An array with one element, `field(item)`, for each item of `range`. An empty std::optional
  /// becomes null.
  template <typename Range, typename Field>
  Params& AddArray(const Range& range, Field field) {
    using Value = std::decay_t<decltype(field(*std::begin(range)))>;
    AddElements<Value>(range, field);
    return *this;
  }

  const std::vector<Type>& types() const { return types_; }
  int count() const { return static_cast<int>(types_.size()); }

  /// Pointers into this object, valid until it changes or is destroyed.
  std::vector<const char*> Values() const;
  const std::vector<int>& lengths() const { return lengths_; }

 private:
  template <typename T>
  struct Element {
    using Type = T;
    static const T* Get(const T& value) { return &value; }
  };
  template <typename T>
  struct Element<std::optional<T>> {
    using Type = T;
    static const T* Get(const std::optional<T>& value) { return value ? &*value : nullptr; }
  };

  template <typename Value, typename Range, typename Field>
  void AddElements(const Range& range, Field& field) {
    using T = typename Element<Value>::Type;
    Begin(Wire<T>::kArray);
    EncodeInt<std::int32_t>(buffer_, 1);  // dimensions
    EncodeInt<std::int32_t>(buffer_, 1);  // may contain nulls
    EncodeInt<std::int32_t>(buffer_, static_cast<std::int32_t>(Wire<T>::kType));
    EncodeInt<std::int32_t>(buffer_, static_cast<std::int32_t>(std::size(range)));
    EncodeInt<std::int32_t>(buffer_, 1);  // lower bound
    for (const auto& item : range) {
      const Value value = field(item);
      const T* element = Element<Value>::Get(value);
      if (element == nullptr) {
        EncodeInt<std::int32_t>(buffer_, -1);
        continue;
      }
      const std::size_t start = buffer_.size();
      buffer_.append(4, '\0');
      Wire<T>::Encode(buffer_, *element);
      PatchLength(start);
    }
    End();
  }

  void Begin(Type type);
  void End();
  void EndNull();
  void PatchLength(std::size_t start);

  std::string buffer_;
  std::vector<Type> types_;
  std::vector<std::size_t> offsets_;
  std::vector<int> lengths_;
};

}  // namespace djps::pg
