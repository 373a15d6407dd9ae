// Bar: the MACs of every network of the zoo beside the published counts, at most 2 % apart. Prints
// the table; exits 1 where a network is beyond.

#include <fmt/format.h>

#include <cmath>

#include "client/models/zoo.h"

int main() {
  constexpr double kMostPercent = 2.0;
  bool within = true;
  fmt::print("{:<14} {:<12} {:>14} {:>14} {:>8}  {}\n", "network", "scope", "MACs", "published",
             "diff %", "source");
  for (const synergy::ZooEntry& entry : synergy::Zoo()) {
    const auto model = entry.build(1, 1);
    if (!model.ok()) {
      fmt::print(stderr, "{}: {}\n", entry.name, model.status().ToString());
      return 1;
    }
    for (const synergy::PublishedMacs& published : entry.published_macs) {
      const bool conv = published.scope == synergy::MacScope::kConvolutions;
      const int64_t macs = synergy::CountMacs(*model, published.scope);
      const double percent = 100.0 * (static_cast<double>(macs) / published.macs - 1.0);
      within = within && std::fabs(percent) <= kMostPercent;
      fmt::print("{:<14} {:<12} {:>14} {:>14.0f} {:>+8.2f}  {}\n", entry.name,
                 conv ? "convolutions" : "all", macs, published.macs, percent, published.source);
    }
  }
  fmt::print("{} {} %\n", within ? "ok: all within" : "FAILED: not all within", kMostPercent);
  return within ? 0 : 1;
}
