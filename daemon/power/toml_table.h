// Reads a TOML table strictly: every key has one type, every error says where it is, and what was
// not asked for is an error.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "toml++/toml.h"

namespace synergy {

// Borrows the table. The first error stays; values read after it are defaults.
class TomlTable {
 public:
  // `path` is how people find the table: "jetson-tx1.toml: sensor[0]".
  TomlTable(const toml::table& table, std::string path) : table_(table), path_(std::move(path)) {}

  std::string Text(std::string_view key) { return Value<std::string>(key, "a text"); }
  std::string TextOr(std::string_view key, std::string_view fallback) {
    return table_.contains(key) ? Text(key) : std::string(fallback);
  }
  double Number(std::string_view key) { return Value<double>(key, "a number"); }
  int64_t Integer(std::string_view key, int64_t lowest, int64_t highest) {
    const int64_t value = Value<int64_t>(key, "an integer");
    if (value < lowest || value > highest) {
      Fail(key, fmt::format("is {}; allowed is {} to {}", value, lowest, highest));
    }
    return value;
  }
  // The array of tables `key`, at least one.
  std::vector<TomlTable> Tables(std::string_view key) {
    used_.emplace(key);
    const toml::array* array = table_[key].as_array();
    if (array == nullptr || array->empty() || !array->is_homogeneous<toml::table>()) {
      Fail(key, "must be there at least once, as a table");
      return {};
    }
    std::vector<TomlTable> tables;
    for (size_t i = 0; i < array->size(); ++i) {
      tables.emplace_back(*array->get_as<toml::table>(i), fmt::format("{}: {}[{}]", path_, key, i));
    }
    return tables;
  }
  // Nothing, and no failure, where the key is not there.
  std::optional<TomlTable> TableIfThere(std::string_view key) {
    return table_.contains(key) ? Table(key) : std::nullopt;
  }
  std::optional<TomlTable> Table(std::string_view key) {
    used_.emplace(key);
    const toml::table* table = table_[key].as_table();
    if (table != nullptr) return TomlTable(*table, fmt::format("{}: {}", path_, key));
    Fail(key, "must be there, as a table");
    return std::nullopt;
  }

  void Fail(std::string_view key, std::string_view what) {
    if (status_.ok()) {
      status_ = absl::InvalidArgumentError(fmt::format("{}: \"{}\" {}", path_, key, what));
    }
  }
  void Fail(const absl::Status& status) { status_.Update(status); }
  // Call last: the first error, an unknown key among them.
  absl::Status Finish() {
    for (const auto& [key, value] : table_) {
      if (!used_.contains(key.str())) Fail(key.str(), "is no key that is known here");
    }
    return status_;
  }

 private:
  template <typename T>
  T Value(std::string_view key, std::string_view type) {
    used_.emplace(key);
    const auto value = table_[key].value<T>();
    if (!value.has_value()) Fail(key, fmt::format("must be {}", type));
    return value.value_or(T{});
  }

  const toml::table& table_;
  const std::string path_;
  absl::Status status_;
  std::set<std::string, std::less<>> used_;
};

}  // namespace synergy
