// A tensor pack: named tensors in one file whose elements can be mapped into memory as they lie
// there. Weights, real inputs and outputs of networks are sent and kept so.
//
// The file: 8 bytes "SYNPACK1", the length of the index (64-bit little-endian), the index (a
// serialized v1::TensorIndex), zeros up to a multiple of 64, then the elements of each tensor,
// row-major and little-endian, each tensor at a multiple of 64.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "synergy/v1/tensor.pb.h"

namespace synergy {

inline constexpr uint64_t kTensorAlignment = 64;
inline constexpr uint64_t kMaxTensorIndexBytes = uint64_t{64} << 20;

// A tensor that somebody else owns.
struct TensorView {
  std::string name;
  v1::DataType type = v1::DATA_TYPE_FLOAT32;
  std::vector<int64_t> dims;
  std::string_view bytes;
};

// Bytes of one element, 0 for a type that is none.
uint64_t ElementSize(v1::DataType type);
std::string_view DataTypeName(v1::DataType type);  // "float32"

// A pack that is to be written: all of its bytes are `head` (header, index and padding), then for
// each tensor its bytes and zeros up to the next multiple of 64.
struct TensorPackLayout {
  std::string head;
  uint64_t total_bytes = 0;
};
// InvalidArgument: a name twice or empty, bytes that do not fit dims and type.
absl::StatusOr<TensorPackLayout> LayOutTensorPack(const std::vector<TensorView>& tensors);

// Writes the pack to `fd`, from its beginning where that is a file and not a pipe. Errors of the
// file keep their errno's meaning (ResourceExhausted: the disk is full).
absl::Status WriteTensorPack(const std::vector<TensorView>& tensors, int fd);

// How a pack lies in memory.
enum class PackMapping {
  kReadOnly,
  // Whoever casts the views' const away may write: what is written to becomes a copy of this
  // process, page by page, and the file stays as it is. All pages are there on return, so that none
  // is fetched later (as long as memory suffices: they are the file's, and count once however many
  // processes map it).
  kCopyOnWrite,
};

// A mapped pack. The file may come from anybody: everything in its index is checked against the
// file's size. It must not shrink while it is mapped (seal it, or keep it where nobody else
// writes). Movable; views die with it.
class MappedTensorPack {
 public:
  MappedTensorPack() = default;  // no tensors
  // An empty file is a pack without tensors. DataLoss: no pack, or one that was cut off.
  // ResourceExhausted: there is no memory for it.
  static absl::StatusOr<MappedTensorPack> MapUntrusted(
      int fd, PackMapping mapping = PackMapping::kReadOnly);
  MappedTensorPack(MappedTensorPack&& other) noexcept;
  MappedTensorPack& operator=(MappedTensorPack&& other) noexcept;
  ~MappedTensorPack();

  const std::vector<TensorView>& tensors() const { return tensors_; }

 private:
  void* address_ = nullptr;
  uint64_t size_ = 0;
  std::vector<TensorView> tensors_;
};

}  // namespace synergy
