// Bar: the counts of every network of the zoo beside those that others published: MACs at most 2 %
// apart, parameters 1 %. A figure with a note counts something else and is not judged; the note
// says what. Prints the table; exits 1 where a figure is beyond.

#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "client/models/zoo.h"

namespace {

struct Row {
  std::string_view network;
  std::string_view what;
  int64_t ours = 0;
  double published = 0;
  double tolerance = 0;
  std::string_view source;
  std::string_view note;
};

// True where the figure is within its tolerance or not to be judged.
bool Judge(const Row& row) {
  const double difference = static_cast<double>(row.ours) / row.published - 1.0;
  const bool good = !row.note.empty() || std::fabs(difference) <= row.tolerance;
  fmt::print("{:<19} {:<10} {:>12} {:>12.0f} {:>+7.2f} {:<4} {}", row.network, row.what, row.ours,
             row.published, 100 * difference,
             !good              ? "FAIL"
             : row.note.empty() ? "ok"
                                : "note",
             row.source);
  if (!row.note.empty()) fmt::print(" ({})", row.note);
  fmt::print("\n");
  return good;
}

bool JudgeNetwork(const synergy::ZooEntry& entry, const synergy::Model& model) {
  bool good = true;
  for (const synergy::PublishedMacs& published : entry.published_macs) {
    const bool conv = published.scope == synergy::MacScope::kConvolutions;
    good &= Judge({entry.name, conv ? "MACs conv" : "MACs all",
                   synergy::CountMacs(model, published.scope), published.macs,
                   synergy::kMacsTolerance, published.source, published.note});
  }
  for (const synergy::PublishedParams& published : entry.published_params) {
    good &= Judge({entry.name, "parameters", model.total.params, published.params,
                   synergy::kParamsTolerance, published.source, published.note});
  }
  return good;
}

}  // namespace

int main() {
  bool good = true;
  fmt::print("{:<19} {:<10} {:>12} {:>12} {:>7} {:<4} {}\n", "network", "what", "ours", "published",
             "diff %", "", "source");
  for (const synergy::ZooEntry& entry : synergy::Zoo()) {
    const auto model = entry.build(1, 1);
    if (!model.ok()) {
      fmt::print(stderr, "{}: {}\n", entry.name, model.status().ToString());
      return 1;
    }
    good &= JudgeNetwork(entry, *model);
  }
  fmt::print("{}: MACs within {:.0f} %, parameters within {:.0f} %\n",
             good ? "ok" : "FAILED: not all", 100 * synergy::kMacsTolerance,
             100 * synergy::kParamsTolerance);
  return good ? 0 : 1;
}
