#include "client/watch/fitting_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/character_count.h"
#include "common/printable.h"

namespace synergy {
namespace {

constexpr size_t kLeastHost = 16;

}  // namespace

std::string FittingItems(const std::vector<std::string>& items, size_t columns) {
  for (size_t shown = items.size(); shown > 0; --shown) {
    const std::vector<std::string> some(items.begin(),
                                        items.begin() + static_cast<ptrdiff_t>(shown));
    std::string text = fmt::format("{}", fmt::join(some, "  "));
    if (shown < items.size()) text += fmt::format("  +{}", items.size() - shown);
    if (CharactersOf(text) <= columns) return text;
  }
  return items.empty() ? "" : fmt::format("+{}", items.size());
}

std::string FittingTitle(const std::string& host, const std::string& title, size_t columns) {
  const size_t rest = 2 + CharactersOf(title);
  const size_t room = columns > rest ? columns - rest : 0;
  const std::string shown = ShortenedMiddle(host, std::max(room, kLeastHost));
  return ShortenedMiddle(fmt::format("{}  {}", shown, title), columns);
}

}  // namespace synergy
