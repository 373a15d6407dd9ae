#include "common/nearest_name.h"

#include <algorithm>
#include <cctype>

namespace synergy {
namespace {

constexpr size_t kLongestName = 64;  // bounds the work that an untrusted name can cause

char Lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

// Optimal string alignment: Levenshtein's distance with swaps of neighbours, three rows at a time.
size_t Edits(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), previous(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = Lower(a[i - 1]) == Lower(b[j - 1]);
      row[j] = std::min({previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && Lower(a[i - 1]) == Lower(b[j - 2]) &&
                           Lower(a[i - 2]) == Lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(previous);
    previous.swap(row);
  }
  return previous[b.size()];
}

}  // namespace

std::string NearestName(std::string_view typed, const std::vector<std::string>& known) {
  typed = typed.substr(0, kLongestName);
  const std::string* nearest = nullptr;
  size_t fewest = typed.size() / 2 + 1;
  for (const std::string& name : known) {
    const size_t edits = Edits(typed, std::string_view(name).substr(0, kLongestName));
    if (edits < fewest) {
      fewest = edits;
      nearest = &name;
    }
  }
  return nearest == nullptr ? std::string() : *nearest;
}

}  // namespace synergy
