#include "client/commands/packed_object.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "common/sha256.h"

namespace synergy {
namespace {

constexpr uint64_t kHashedAtOnce = 1u << 20;

}  // namespace

absl::StatusOr<PackedObject> PackedObject::Make(const std::vector<TensorView>& tensors) {
  absl::StatusOr<TensorPackLayout> layout = LayOutTensorPack(tensors);
  if (!layout.ok()) return layout.status();
  PackedObject object(*std::move(layout));
  object.pieces_.push_back({0, {}});  // the head, wherever this object is
  uint64_t at = object.layout_.head.size();
  for (const TensorView& tensor : tensors) {
    if (!tensor.bytes.empty()) object.pieces_.push_back({at, tensor.bytes});
    at += tensor.bytes.size();
    at = (at + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
  }
  object.ref_.set_bytes(object.layout_.total_bytes);
  Sha256 hash;
  std::string part(kHashedAtOnce, '\0');
  for (uint64_t offset = 0; offset < object.ref_.bytes(); offset += kHashedAtOnce) {
    const size_t size = std::min(kHashedAtOnce, object.ref_.bytes() - offset);
    if (absl::Status read = object.Read(offset, part.data(), size); !read.ok()) return read;
    hash.Update(std::string_view(part).substr(0, size));
  }
  object.ref_.set_sha256(hash.Finish());
  return object;
}

absl::Status PackedObject::Read(uint64_t offset, char* into, size_t size) const {
  if (offset > ref_.bytes() || size > ref_.bytes() - offset) {
    return absl::OutOfRangeError(
        fmt::format("read {} bytes of an object of {} from {} on", size, ref_.bytes(), offset));
  }
  std::memset(into, 0, size);  // what lies between tensors
  // The last piece that begins at or before `offset`.
  auto piece = std::upper_bound(pieces_.begin(), pieces_.end(), offset,
                                [](uint64_t at, const Piece& p) { return at < p.offset; });
  for (--piece; piece != pieces_.end() && piece->offset < offset + size; ++piece) {
    const std::string_view bytes =
        piece == pieces_.begin() ? std::string_view(layout_.head) : piece->bytes;
    const uint64_t begin = std::max(offset, piece->offset);
    const uint64_t end = std::min(offset + size, piece->offset + bytes.size());
    if (begin >= end) continue;
    std::memcpy(into + (begin - offset), bytes.data() + (begin - piece->offset), end - begin);
  }
  return absl::OkStatus();
}

}  // namespace synergy
