// What is wrong with a command line, in words that say how it would be right.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace synergy {

// The type of a positional that takes any words, such as a command line behind --.
inline constexpr char kAnyWords[] = "WORDS";

// Lets every option and positional of `app` and its commands, but those of any words, refuse an
// empty value, and the flag after a value that was left out in its place. To be called once all of
// them are there.
void RefuseMissingValues(CLI::App& app);

// For people, of an error that `app.parse` threw.
std::string UsageText(const CLI::App& app, const CLI::ParseError& error);

}  // namespace synergy
