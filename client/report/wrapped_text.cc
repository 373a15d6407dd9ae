#include "client/report/wrapped_text.h"

#include <algorithm>

#include "common/display_width.h"

namespace synergy {
namespace {

constexpr size_t kLabelColumns =
    11;  // of the lines of facts: two blanks, eight characters, a blank

size_t IndentOf(std::string_view line) {
  const size_t blanks = std::min(line.find_first_not_of(' '), line.size());
  const bool labelled = blanks >= 2 && line.size() > kLabelColumns &&
                        line[kLabelColumns - 1] == ' ' && line[kLabelColumns] != ' ';
  return labelled ? kLabelColumns : blanks + 2;
}

// Where the character at `at` ends; `width` grows by its columns: control sequences have none.
size_t NextCharacter(std::string_view line, size_t at, size_t* width) {
  if (line.substr(at, 2) == "\x1b[") {
    return std::min(line.find_first_of("ABCDEFGHJKSTfm", at + 2), line.size() - 1) + 1;
  }
  std::string_view rest = line.substr(at);
  *width += ColumnsOf(TakeCodePoint(&rest));
  return line.size() - rest.size();
}

void AppendWrapped(std::string_view line, size_t columns, std::string* text) {
  const size_t indent = IndentOf(line);
  size_t width = 0, begin = 0, blank = std::string_view::npos;
  for (size_t at = 0; at < line.size();) {
    if (line[at] == ' ' && at > begin && width >= (begin == 0 ? indent : indent + 1)) blank = at;
    at = NextCharacter(line, at, &width);
    if (width <= columns || blank == std::string_view::npos) continue;
    text->append(line.substr(begin, blank - begin)).append("\n").append(indent, ' ');
    begin = at = blank + 1;
    width = indent;
    blank = std::string_view::npos;
  }
  text->append(line.substr(begin)).append("\n");
}

}  // namespace

std::string Wrapped(std::string_view text, size_t columns) {
  if (columns == 0) return std::string(text);
  std::string wrapped;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    AppendWrapped(text.substr(0, end), columns, &wrapped);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return wrapped;
}

}  // namespace synergy
