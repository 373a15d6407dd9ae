// Tensors as one object that a device keeps: a tensor pack that is made while it is hashed and
// sent, and is never whole in memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/tensor_pack.h"

namespace synergy {

class PackedObject {
 public:
  // Hashes the pack. The tensors' bytes outlive the object. InvalidArgument as LayOutTensorPack.
  static absl::StatusOr<PackedObject> Make(const std::vector<TensorView>& tensors);

  const v1::ObjectRef& ref() const { return ref_; }
  // As DeviceClient::ObjectReader.
  absl::Status Read(uint64_t offset, char* into, size_t size) const;

 private:
  struct Piece {
    uint64_t offset = 0;  // in the pack
    std::string_view bytes;
  };
  explicit PackedObject(TensorPackLayout layout) : layout_(std::move(layout)) {}

  TensorPackLayout layout_;
  std::vector<Piece> pieces_;  // by offset, without empty ones; zeros lie between
  v1::ObjectRef ref_;
};

}  // namespace synergy
