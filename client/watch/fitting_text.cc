#include "client/watch/fitting_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/display_width.h"
#include "common/printable.h"

namespace synergy {
namespace {

constexpr size_t kLeastHost = 16;

}  // namespace

std::string FittingItems(const std::vector<std::string>& items, size_t columns,
                         std::string_view between) {
  for (size_t shown = items.size(); shown > 0; --shown) {
    const std::vector<std::string> some(items.begin(),
                                        items.begin() + static_cast<ptrdiff_t>(shown));
    std::string text = fmt::format("{}", fmt::join(some, between));
    if (shown < items.size()) text += fmt::format("{}+{}", between, items.size() - shown);
    if (ColumnsOf(text) <= columns) return text;
  }
  return items.empty() ? "" : fmt::format("+{}", items.size());
}

std::vector<std::string> FittingLines(std::string_view text, size_t columns, size_t most) {
  std::vector<std::string> lines;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t blank = rest.find(' ');
    const std::string word(rest.substr(0, blank));
    if (!lines.empty() && ColumnsOf(lines.back()) + 1 + ColumnsOf(word) <= columns) {
      lines.back() += " " + word;
    } else if (lines.size() < most) {
      lines.push_back(word);
    } else {
      lines.back() = ShortenedMiddle(fmt::format("{} {}", lines.back(), rest), columns);
      break;
    }
    rest.remove_prefix(blank == rest.npos ? rest.size() : blank + 1);
  }
  return lines;
}

std::string FittingTitle(const std::string& host, const std::string& title, size_t columns) {
  const size_t rest = 2 + ColumnsOf(title);
  const size_t room = columns > rest ? columns - rest : 0;
  const std::string shown = ShortenedMiddle(host, std::max(room, kLeastHost));
  return ShortenedMiddle(fmt::format("{}  {}", shown, title), columns);
}

}  // namespace synergy
