#include "client/commands/gate_job.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <vector>

#include "client/commands/exit_code.h"
#include "client/commands/usage_text.h"
#include "client/commands/user_file.h"
#include "client/models/zoo.h"
#include "common/nearest_name.h"

namespace synergy {
namespace {

constexpr uint64_t kMaxJobFileBytes = 1 << 20;

absl::Status Wrong(const std::string& path, const toml::node& node, const std::string& what) {
  return Ending(ExitCode::kUsage, absl::InvalidArgumentError(fmt::format(
                                      "{}: line {}: {}", path, node.source().begin.line, what)));
}

std::vector<std::string> KeysOf(const CLI::App& app) {
  std::vector<std::string> keys;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (name != "help") keys.push_back(name);
    }
  }
  return keys;
}

// As a command line has it: "--iterations=100". Nothing: no value that an option can have.
std::optional<std::string> Argument(const std::string& key, const toml::node& value) {
  if (const auto* text = value.as_string()) return fmt::format("--{}={}", key, text->get());
  if (const auto* whole = value.as_integer()) return fmt::format("--{}={}", key, whole->get());
  if (const auto* real = value.as_floating_point()) {
    return fmt::format("--{}={}", key, real->get());
  }
  return std::nullopt;
}

absl::StatusOr<std::vector<std::string>> ArgumentsOf(const std::string& path,
                                                     const toml::table& table,
                                                     const CLI::App& app) {
  const std::vector<std::string> keys = KeysOf(app);
  std::vector<std::string> arguments;
  for (const auto& [toml_key, node] : table) {
    const std::string key(toml_key.str());
    if (std::ranges::find(keys, key) == keys.end()) {
      const std::string nearest = NearestName(key, keys);
      return Wrong(
          path, node,
          fmt::format("there is no key '{}'{}", key,
                      nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
    }
    std::vector<const toml::node*> values = {&node};
    if (const toml::array* array = node.as_array()) {
      values.clear();
      for (const toml::node& value : *array) values.push_back(&value);
    }
    for (const toml::node* value : values) {
      std::optional<std::string> argument = Argument(key, *value);
      if (!argument) return Wrong(path, node, fmt::format("'{}' is a text or a number", key));
      arguments.push_back(*std::move(argument));
    }
  }
  return arguments;
}

// Relative to the folder of the job file `of`.
void Resolve(const std::string& of, std::string* path) {
  if (!path->empty()) *path = std::filesystem::path(of).parent_path() / *path;
}

void ResolvePaths(const std::string& of, ModelOptions* model) {
  std::string net = model->net;
  Resolve(of, &net);
  std::error_code error;
  const bool is_path = model->net.find_first_of("./") != std::string::npos;
  if (is_path ? !FindModel(model->net).ok() : std::filesystem::exists(net, error)) model->net = net;
  Resolve(of, &model->init);
  for (std::string& input : model->inputs) {
    const size_t path = input.find('=') + 1;  // 0 without a blob
    std::string file = input.substr(path);
    Resolve(of, &file);
    input = input.substr(0, path) + file;
  }
}

}  // namespace

bool IsJobFile(const std::string& text) { return HasSuffix(text, ".toml"); }

absl::StatusOr<MeasureOptions> ReadGateJob(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadUserFile(path, kMaxJobFileBytes);
  if (!text.ok()) return text.status();
  MeasureOptions job;
  CLI::App app("", "run");
  AddMeasureOptions(app, &job);
  RefuseMissingValues(app);
  try {
    const toml::table table = toml::parse(*text, path);
    absl::StatusOr<std::vector<std::string>> arguments = ArgumentsOf(path, table, app);
    if (!arguments.ok()) return arguments.status();
    std::ranges::reverse(*arguments);  // as CLI11 takes them
    app.parse(*std::move(arguments));
  } catch (const toml::parse_error& error) {
    return AboutFile(path, absl::InvalidArgumentError(fmt::format(
                               "line {}: {}", error.source().begin.line, error.description())));
  } catch (const CLI::ParseError& error) {
    return AboutFile(path, absl::InvalidArgumentError(UsageText(app, error)));
  }
  ResolvePaths(path, &job.model);
  return job;
}

}  // namespace synergy
