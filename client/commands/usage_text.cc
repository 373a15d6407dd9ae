#include "client/commands/usage_text.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "common/nearest_name.h"

namespace synergy {
namespace {

std::string DidYouMean(const std::string& given, const std::vector<std::string>& known) {
  const std::string nearest = NearestName(given, known);
  return nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest);
}

// "run", or "runs prune": what was given, down to the last one.
const CLI::App* GivenCommand(const CLI::App& app) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().back();
  return command;
}

// "run": what follows the program's name.
std::string PathOf(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  if (parent == nullptr || parent->get_parent() == nullptr) return command.get_name();
  return fmt::format("{} {}", PathOf(*parent), command.get_name());
}

// "--store FILE"
std::string Usage(const CLI::Option& option) {
  const std::string type = option.get_expected_min() == 0 ? "" : " " + option.get_type_name();
  // The checks' descriptions stand behind the type's name.
  return option.get_name() + type.substr(0, type.find(':'));
}

std::vector<std::string> FlagsOf(const CLI::App& command) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  return flags;
}

std::string UnknownFlag(const CLI::App& app, const std::string& argument) {
  const std::string flag = argument.substr(0, argument.find('='));
  const CLI::App* given = GivenCommand(app);
  if (const CLI::Option* option = given->get_option_no_throw(flag); option != nullptr) {
    return fmt::format("put {} after the command: synergyctl {} {}", flag, PathOf(*given),
                       Usage(*option));
  }
  std::string owners;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    if (given != &app || command->get_option_no_throw(flag) == nullptr) continue;
    owners += fmt::format("{}synergyctl {}", owners.empty() ? "" : ", ", command->get_name());
  }
  if (!owners.empty()) {
    return fmt::format("{} needs a command before it that has it: {}", flag, owners);
  }
  return fmt::format("there is no flag '{}'{}", flag, DidYouMean(flag, FlagsOf(*given)));
}

// CLI11 says "--net: 1 required NAME|FILE missing".
std::string MissingValue(const CLI::App& app, std::string_view what) {
  const CLI::App* given = GivenCommand(app);
  const std::string name(what.substr(0, what.find(':')));
  const CLI::Option* option = given->get_option_no_throw(name);
  if (option == nullptr) return std::string(what);
  if (option->count() > 1)
    return fmt::format("{} is given {} times, and takes one value", name, option->count());
  return fmt::format("{} has no value: synergyctl {} {}", name, PathOf(*given), Usage(*option));
}

// CLI11 says "Could not convert: --keep = 1e9".
std::string NoSuchValue(const CLI::App& app, std::string_view what) {
  constexpr std::string_view kBegin = "Could not convert: ";
  const size_t middle = what.find(" = ");
  if (!what.starts_with(kBegin) || middle == std::string_view::npos) return std::string(what);
  const std::string name(what.substr(kBegin.size(), middle - kBegin.size()));
  const CLI::App* given = GivenCommand(app);
  const CLI::Option* option = given->get_option_no_throw(name);
  if (option == nullptr) return std::string(what);
  return fmt::format("{} cannot be '{}': synergyctl {} {}", name, what.substr(middle + 3),
                     PathOf(*given), Usage(*option));
}

CLI::Validator HasValue() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        if (value.empty()) return "its value is empty: give one, or leave it out";
        if (!value.starts_with("--")) return "";
        return fmt::format(
            "it has no value, the next argument is '{0}' (a file of that name is './{0}')", value);
      },
      "");
}

}  // namespace

void RefuseMissingValues(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    // Before the other checks, whose texts are about values.
    if (option->get_type_name() == kAnyWords) continue;
    if (option->get_expected_min() > 0) option->transform(HasValue());
  }
  for (CLI::App* command : app.get_subcommands(nullptr)) RefuseMissingValues(*command);
}

std::string UsageText(const CLI::App& app, const CLI::ParseError& error) {
  for (const std::string& argument : app.remaining(/*recurse=*/true)) {
    if (argument.starts_with('-') && argument != "--") return UnknownFlag(app, argument);
  }
  if (error.get_name() == "ConversionError") return NoSuchValue(app, error.what());
  if (error.get_name() == "ArgumentMismatch") return MissingValue(app, error.what());
  // CLI11 only says that a command is missing where it did not know the one that was given.
  const std::vector<std::string> unknown = app.remaining();
  if (!app.get_subcommands().empty() || unknown.empty()) return error.what();
  std::vector<std::string> commands;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    commands.push_back(command->get_name());
  }
  return fmt::format("there is no command '{}'{}", unknown.front(),
                     DidYouMean(unknown.front(), commands));
}

}  // namespace synergy
