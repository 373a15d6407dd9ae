#include "common/tensor_pack.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "common/checked_int.h"
#include "common/files.h"
#include "common/op_cost.h"
#include "common/printable.h"

namespace synergy {
namespace {

static_assert(std::endian::native == std::endian::little, "elements lie in the file as in memory");

constexpr std::string_view kMagic = "SYNPACK1";
constexpr size_t kPrefixBytes = 16;  // the magic and the length of the index

uint64_t Aligned(uint64_t bytes) {
  return (bytes + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
}

constexpr const char* kPack = "the tensor pack";

absl::Status NoPack(const std::string& why) {
  return absl::DataLossError(
      fmt::format("read a tensor pack: {}; it is damaged or was cut off: send it again", why));
}

absl::Status MapError(size_t size, int error) {
  if (error != ENOMEM) return FileError("map", kPack, error);
  return absl::ResourceExhaustedError(
      fmt::format("map {} of {} bytes: there is no memory for it; use a smaller model or a machine "
                  "with more memory",
                  kPack, size));
}

// Bytes of the elements; an error's text has no subject.
absl::StatusOr<uint64_t> BytesOf(v1::DataType type, const std::vector<int64_t>& dims) {
  const uint64_t size = ElementSize(type);
  if (size == 0)
    return absl::InvalidArgumentError(
        fmt::format("has type {}, which is none", static_cast<int>(type)));
  const absl::StatusOr<int64_t> elements = CountElements(dims);
  if (!elements.ok()) {
    return absl::InvalidArgumentError(fmt::format("has the shape {}", FormatShape(dims)));
  }
  CheckedInt bytes(*elements);
  bytes *= static_cast<int64_t>(size);
  if (bytes.overflow()) {
    return absl::InvalidArgumentError(fmt::format("has the shape {}", FormatShape(dims)));
  }
  return static_cast<uint64_t>(bytes.value());
}

// The entries of `index` as views of the file's bytes.
absl::StatusOr<std::vector<TensorView>> ViewsUntrusted(const v1::TensorIndex& index,
                                                       uint64_t data_begin, std::string_view file) {
  std::vector<TensorView> views;
  std::set<std::string_view> names;
  for (const v1::TensorEntry& entry : index.tensors()) {
    const std::string label = fmt::format("tensor '{}'", Printable(entry.name(), 64));
    TensorView view{entry.name(), entry.type(), {entry.dims().begin(), entry.dims().end()}, {}};
    const absl::StatusOr<uint64_t> bytes = BytesOf(view.type, view.dims);
    if (!bytes.ok()) return NoPack(fmt::format("{} {}", label, bytes.status().message().data()));
    if (entry.name().empty() || !names.insert(entry.name()).second) {
      return NoPack(label + " has no name of its own");
    }
    if (*bytes != entry.bytes() || entry.offset() % kTensorAlignment != 0 ||
        entry.offset() < data_begin || entry.offset() > file.size() ||
        entry.bytes() > file.size() - entry.offset()) {
      return NoPack(label + " lies outside of the file");
    }
    view.bytes = file.substr(entry.offset(), entry.bytes());
    views.push_back(std::move(view));
  }
  return views;
}

absl::StatusOr<std::vector<TensorView>> ParseUntrusted(std::string_view file) {
  if (file.size() < kPrefixBytes || !file.starts_with(kMagic)) return NoPack("it is none");
  uint64_t length = 0;
  std::memcpy(&length, file.data() + kMagic.size(), sizeof(length));
  if (length > kMaxTensorIndexBytes || length > file.size() - kPrefixBytes) {
    return NoPack("its index is longer than the file");
  }
  v1::TensorIndex index;
  if (!index.ParseFromArray(file.data() + kPrefixBytes, static_cast<int>(length))) {
    return NoPack("its index is no TensorIndex");
  }
  return ViewsUntrusted(index, Aligned(kPrefixBytes + length), file);
}

}  // namespace

uint64_t ElementSize(v1::DataType type) {
  switch (type) {
    case v1::DATA_TYPE_UINT8:
    case v1::DATA_TYPE_BOOL:
      return 1;
    case v1::DATA_TYPE_FLOAT32:
    case v1::DATA_TYPE_INT32:
      return 4;
    case v1::DATA_TYPE_INT64:
    case v1::DATA_TYPE_FLOAT64:
      return 8;
    default:
      return 0;
  }
}

std::string_view DataTypeName(v1::DataType type) {
  switch (type) {
    case v1::DATA_TYPE_FLOAT32:
      return "float32";
    case v1::DATA_TYPE_INT32:
      return "int32";
    case v1::DATA_TYPE_INT64:
      return "int64";
    case v1::DATA_TYPE_UINT8:
      return "uint8";
    case v1::DATA_TYPE_BOOL:
      return "bool";
    case v1::DATA_TYPE_FLOAT64:
      return "float64";
    default:
      return "unknown";
  }
}

absl::StatusOr<TensorPackLayout> LayOutTensorPack(const std::vector<TensorView>& tensors) {
  v1::TensorIndex index;
  std::set<std::string_view> names;
  for (const TensorView& tensor : tensors) {
    const absl::StatusOr<uint64_t> bytes = BytesOf(tensor.type, tensor.dims);
    std::string wrong;
    if (!bytes.ok()) {
      wrong = bytes.status().message().data();
    } else if (*bytes != tensor.bytes.size()) {
      wrong = fmt::format("has {} bytes for the shape {}", tensor.bytes.size(),
                          FormatShape(tensor.dims));
    } else if (tensor.name.empty() || !names.insert(tensor.name).second) {
      wrong = "has no name of its own";
    }
    if (!wrong.empty()) {
      return absl::InvalidArgumentError(
          fmt::format("pack tensor '{}': it {}", Printable(tensor.name, 64), wrong));
    }
    v1::TensorEntry* entry = index.add_tensors();
    entry->set_name(tensor.name);
    entry->set_type(tensor.type);
    entry->mutable_dims()->Assign(tensor.dims.begin(), tensor.dims.end());
    entry->set_bytes(tensor.bytes.size());
  }
  // An offset takes as many bytes in the index as it is large: with all of them at their largest,
  // the index has a length that the true ones never exceed, and the gap is filled with zeros.
  for (v1::TensorEntry& entry : *index.mutable_tensors()) entry.set_offset(UINT64_MAX);
  const uint64_t data_begin = Aligned(kPrefixBytes + index.ByteSizeLong());
  uint64_t at = data_begin;
  for (v1::TensorEntry& entry : *index.mutable_tensors()) {
    entry.set_offset(at);
    at = Aligned(at + entry.bytes());
  }
  const std::string body = index.SerializeAsString();
  if (body.size() > kMaxTensorIndexBytes) {
    return absl::InvalidArgumentError(fmt::format("pack {} tensors: too many", tensors.size()));
  }
  const uint64_t length = body.size();
  TensorPackLayout layout{std::string(kMagic), at};
  layout.head.append(reinterpret_cast<const char*>(&length), sizeof(length));
  layout.head += body;
  layout.head.resize(data_begin, '\0');
  return layout;
}

absl::Status WriteTensorPack(const std::vector<TensorView>& tensors, int fd) {
  const absl::StatusOr<TensorPackLayout> layout = LayOutTensorPack(tensors);
  if (!layout.ok()) return layout.status();
  if (lseek(fd, 0, SEEK_SET) < 0 && errno != ESPIPE) return FileError("write", kPack, errno);
  if (absl::Status status = WriteAll(fd, layout->head, kPack); !status.ok()) return status;
  const std::string zeros(kTensorAlignment, '\0');
  for (const TensorView& tensor : tensors) {
    if (absl::Status status = WriteAll(fd, tensor.bytes, kPack); !status.ok()) return status;
    const uint64_t padding = Aligned(tensor.bytes.size()) - tensor.bytes.size();
    if (absl::Status status = WriteAll(fd, std::string_view(zeros).substr(0, padding), kPack);
        !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<MappedTensorPack> MappedTensorPack::MapUntrusted(int fd, PackMapping mapping) {
  struct stat file {};
  if (fstat(fd, &file) != 0) return FileError("open", kPack, errno);
  MappedTensorPack pack;
  if (file.st_size == 0) return pack;
  const size_t size = static_cast<size_t>(file.st_size);
  const bool writable = mapping == PackMapping::kCopyOnWrite;
  // Populated while it is read-only: populating what is writable would copy all of it at once.
  const int flags = writable ? MAP_PRIVATE | MAP_POPULATE : MAP_SHARED;
  void* address = mmap(nullptr, size, PROT_READ, flags, fd, 0);
  if (address == MAP_FAILED) return MapError(size, errno);
  pack.address_ = address;
  pack.size_ = size;
  if (writable && mprotect(address, size, PROT_READ | PROT_WRITE) != 0) {
    return MapError(size, errno);
  }
  absl::StatusOr<std::vector<TensorView>> views =
      ParseUntrusted({static_cast<const char*>(address), size});
  if (!views.ok()) return views.status();
  pack.tensors_ = *std::move(views);
  return pack;
}

MappedTensorPack::MappedTensorPack(MappedTensorPack&& other) noexcept { *this = std::move(other); }

MappedTensorPack& MappedTensorPack::operator=(MappedTensorPack&& other) noexcept {
  std::swap(address_, other.address_);
  std::swap(size_, other.size_);
  std::swap(tensors_, other.tensors_);
  return *this;
}

MappedTensorPack::~MappedTensorPack() {
  if (address_ != nullptr) munmap(address_, size_);
}

}  // namespace synergy
