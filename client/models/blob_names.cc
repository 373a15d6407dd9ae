#include "client/models/blob_names.h"

#include <algorithm>

#include "common/printable.h"
#include "fmt/format.h"

namespace synergy {

std::string Quoted(const std::string& blob) { return fmt::format("'{}'", Printable(blob, 64)); }

std::string Some(const std::vector<std::string>& blobs) {
  constexpr size_t kNamedAtMost = 3;
  std::string text;
  for (size_t i = 0; i < std::min(blobs.size(), kNamedAtMost); ++i) {
    text += (i > 0 ? ", " : "") + Quoted(blobs[i]);
  }
  if (blobs.size() > kNamedAtMost) text += fmt::format(" and {} more", blobs.size() - kNamedAtMost);
  return text;
}

}  // namespace synergy
