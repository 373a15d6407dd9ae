// Reads a TOML table strictly: every key has one type, every error says where it is, and what was
// not asked for is an error.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/nearest_name.h"
#include "toml++/toml.h"

namespace synergy {

// Borrows the table. The first error stays; values read after it are defaults.
class TomlTable {
 public:
  // `origin` is the file's name; `path` is where in it the table is: "sensor[0]: ", "" at the top.
  TomlTable(const toml::table& table, std::string origin, std::string path = "")
      : table_(table), origin_(std::move(origin)), path_(std::move(path)) {}

  std::string Text(std::string_view key) { return Value<std::string>(key, "a text"); }
  std::string TextOr(std::string_view key, std::string_view fallback) {
    return table_.contains(key) ? Text(key) : std::string(fallback);
  }
  // Whole numbers are numbers, too.
  double Number(std::string_view key) {
    used_.emplace(key);
    const toml::node_view node = table_[key];
    if (!node.is_number()) Fail(key, "must be a number");
    return node.is_number() ? node.value_or(0.0) : 0;
  }
  int64_t Integer(std::string_view key, int64_t lowest, int64_t highest) {
    const int64_t value = Value<int64_t>(key, "an integer");
    if (value < lowest || value > highest) {
      Fail(key, fmt::format("is {}; allowed is {} to {}", value, lowest, highest));
    }
    return value;
  }
  bool Bool(std::string_view key) { return Value<bool>(key, "true or false"); }
  // The key is known from then on, also where it is not there.
  bool Has(std::string_view key) {
    used_.emplace(key);
    return table_.contains(key);
  }
  // Texts, none of them empty; no texts where there is no such key.
  std::vector<std::string> Texts(std::string_view key) {
    used_.emplace(key);
    if (!Has(key)) return {};
    std::vector<std::string> texts;
    if (const toml::array* array = table_[key].as_array()) {
      for (const toml::node& node : *array) {
        texts.push_back(node.value_exact<std::string>().value_or(""));
      }
    }
    if (texts.empty() || std::ranges::find(texts, "") != texts.end()) {
      Fail(key, "must be a list of texts, none of them empty");
    }
    return texts;
  }
  // Numbers; none where there is no such key.
  std::vector<double> Numbers(std::string_view key) {
    std::vector<double> numbers;
    if (!Has(key)) return numbers;
    const toml::array* array = table_[key].as_array();
    bool good = array != nullptr;
    for (size_t i = 0; good && i < array->size(); ++i) {
      good = (*array)[i].is_number();
      numbers.push_back((*array)[i].value_or(0.0));
    }
    if (!good) Fail(key, "must be a list of numbers");
    return numbers;
  }
  // A text, a number or a truth value, or a list of them that is not empty, as texts.
  struct Scalars {
    std::vector<std::string> texts;
    bool is_list = false;
  };
  Scalars ScalarTexts(std::string_view key) {
    used_.emplace(key);
    Scalars scalars;
    const toml::array* array = table_[key].as_array();
    scalars.is_list = array != nullptr;
    bool good = true;
    const auto add = [&](const toml::node& node) {
      scalars.texts.emplace_back();
      good = ScalarText(node, &scalars.texts.back()) && good;
    };
    if (array != nullptr) {
      for (const toml::node& node : *array) add(node);
    } else if (const toml::node* node = table_.get(key)) {
      add(*node);
    }
    if (!good || scalars.texts.empty()) {
      Fail(key, "must be a text, a number or a truth value, or a list of them that is not empty");
    }
    return scalars;
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
      tables.emplace_back(*array->get_as<toml::table>(i), origin_,
                          fmt::format("{}{}[{}]: ", path_, key, i));
    }
    return tables;
  }
  // The same where it may be left out.
  std::vector<TomlTable> TablesIfAny(std::string_view key) {
    return Has(key) ? Tables(key) : std::vector<TomlTable>();
  }
  std::optional<TomlTable> TableIfAny(std::string_view key) {
    used_.emplace(key);
    if (!Has(key)) return std::nullopt;
    const toml::table* table = table_[key].as_table();
    if (table != nullptr) return TomlTable(*table, origin_, fmt::format("{}{}: ", path_, key));
    Fail(key, "must be a table");
    return std::nullopt;
  }

  // At the line of `key`, or of the table where the key is not there.
  void Fail(std::string_view key, std::string_view what) {
    if (!status_.ok()) return;
    const toml::node* node = table_.get(key);
    const auto line = (node != nullptr ? node->source() : table_.source()).begin.line;
    status_ = absl::InvalidArgumentError(
        fmt::format("{}: line {}: {}\"{}\" {}", origin_, line, path_, key, what));
  }
  void Fail(const absl::Status& status) { status_.Update(status); }
  // Call last: the first error, an unknown key among them.
  absl::Status Finish() {
    for (const auto& [key, value] : table_) {
      if (used_.contains(key.str())) continue;
      const std::string nearest = NearestName(key.str(), {used_.begin(), used_.end()});
      Fail(key.str(),
           nearest.empty()
               ? std::string("is no key that is known here")
               : fmt::format("is no key that is known here; did you mean \"{}\"?", nearest));
    }
    return status_;
  }

 private:
  // False: it is something else, or an empty text.
  static bool ScalarText(const toml::node& node, std::string* text) {
    if (const auto word = node.value_exact<std::string>()) {
      *text = *word;
    } else if (const auto whole = node.value_exact<int64_t>()) {
      *text = fmt::format("{}", *whole);
    } else if (const auto number = node.value_exact<double>()) {
      *text = fmt::format("{}", *number);
    } else if (const auto truth = node.value_exact<bool>()) {
      *text = *truth ? "true" : "false";
    }
    return !text->empty();
  }

  template <typename T>
  T Value(std::string_view key, std::string_view type) {
    used_.emplace(key);
    const auto value = table_[key].value_exact<T>();  // no truth value is a number
    if (!value.has_value()) Fail(key, fmt::format("must be {}", type));
    return value.value_or(T{});
  }

  const toml::table& table_;
  const std::string origin_;
  const std::string path_;
  absl::Status status_;
  std::set<std::string, std::less<>> used_;
};

}  // namespace synergy
