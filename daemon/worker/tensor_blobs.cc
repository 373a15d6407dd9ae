#include "daemon/worker/tensor_blobs.h"

#include <algorithm>
#include <cstring>

#include "common/op_cost.h"
#include "common/printable.h"
#include "daemon/worker/seeded_normal.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

constexpr size_t kNamedTensors = 5;
constexpr size_t kMaxNameBytes = 100;

v1::DataType TypeOf(const v1::InputShape& input) {
  return input.type() == v1::DATA_TYPE_UNSPECIFIED ? v1::DATA_TYPE_FLOAT32 : input.type();
}

template <typename T>
uint64_t CountNansOf(std::string_view bytes) {
  const T* const values = reinterpret_cast<const T*>(bytes.data());  // aligned: kTensorAlignment
  uint64_t nans = 0;
  for (size_t i = 0; i < bytes.size() / sizeof(T); ++i) nans += values[i] != values[i] ? 1u : 0u;
  return nans;
}

void FillRandom(uint64_t seed, size_t index, caffe2::Tensor* tensor) {
  const auto count = static_cast<size_t>(tensor->numel());
  if (tensor->IsType<float>()) {
    FillSeededNormal(seed, index, tensor->mutable_data<float>(), count);
  } else if (tensor->IsType<double>()) {
    std::vector<float> values(count);
    FillSeededNormal(seed, index, values.data(), count);
    std::copy(values.begin(), values.end(), tensor->mutable_data<double>());
  } else {
    std::memset(tensor->raw_mutable_data(), 0, tensor->nbytes());
  }
}

}  // namespace

std::optional<caffe2::TypeMeta> Caffe2Type(v1::DataType type) {
  switch (type) {
    case v1::DATA_TYPE_FLOAT32:
      return caffe2::TypeMeta::Make<float>();
    case v1::DATA_TYPE_INT32:
      return caffe2::TypeMeta::Make<int32_t>();
    case v1::DATA_TYPE_INT64:
      return caffe2::TypeMeta::Make<int64_t>();
    case v1::DATA_TYPE_UINT8:
      return caffe2::TypeMeta::Make<uint8_t>();
    case v1::DATA_TYPE_BOOL:
      return caffe2::TypeMeta::Make<bool>();
    case v1::DATA_TYPE_FLOAT64:
      return caffe2::TypeMeta::Make<double>();
    default:
      return std::nullopt;
  }
}

v1::DataType PackType(caffe2::TypeMeta type) {
  for (int value = v1::DataType_MIN; value <= v1::DataType_MAX; ++value) {
    const auto candidate = static_cast<v1::DataType>(value);
    const std::optional<caffe2::TypeMeta> meta = Caffe2Type(candidate);
    if (meta.has_value() && *meta == type) return candidate;
  }
  return v1::DATA_TYPE_UNSPECIFIED;
}

void ShareTensor(const TensorView& view, caffe2::Workspace* workspace) {
  caffe2::Tensor* tensor =
      caffe2::BlobGetMutableTensor(workspace->CreateBlob(view.name), caffe2::CPU);
  tensor->Resize(view.dims);
  tensor->ShareExternalPointer(const_cast<char*>(view.bytes.data()), *Caffe2Type(view.type),
                               view.bytes.size());
}

void FillInput(const v1::InputShape& input, const TensorView* view, uint64_t seed, size_t index,
               caffe2::Workspace* workspace) {
  const std::vector<int64_t> dims(input.dims().begin(), input.dims().end());
  caffe2::Tensor* tensor = caffe2::BlobGetMutableTensor(workspace->CreateBlob(input.blob()), dims,
                                                        at::dtype(*Caffe2Type(TypeOf(input))));
  if (view == nullptr) return FillRandom(seed, index, tensor);
  std::memcpy(tensor->raw_mutable_data(), view->bytes.data(), view->bytes.size());
}

absl::Status CheckInputValues(const std::vector<TensorView>& values,
                              const google::protobuf::RepeatedPtrField<v1::InputShape>& inputs) {
  for (const TensorView& view : values) {
    const std::string name = Printable(view.name, kMaxNameBytes);
    const auto input = std::find_if(inputs.begin(), inputs.end(),
                                    [&](const auto& i) { return i.blob() == view.name; });
    if (input == inputs.end()) {
      return absl::InvalidArgumentError(
          fmt::format("values for '{}': the job has no input of that name", name));
    }
    const std::vector<int64_t> dims(input->dims().begin(), input->dims().end());
    if (view.type != TypeOf(*input) || view.dims != dims) {
      return absl::InvalidArgumentError(
          fmt::format("values for input '{}': they are {} of shape {}, the input is {} of shape {}",
                      name, DataTypeName(view.type), FormatShape(view.dims),
                      DataTypeName(TypeOf(*input)), FormatShape(dims)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<TensorView> ViewBlob(const std::string& name, const caffe2::Workspace& workspace) {
  const caffe2::Blob* const blob = workspace.GetBlob(name);
  if (blob == nullptr || !caffe2::BlobIsTensorType(*blob, caffe2::CPU)) {
    return absl::InvalidArgumentError(fmt::format("output '{}' is no tensor in CPU memory", name));
  }
  const auto& tensor = blob->Get<caffe2::Tensor>();
  const v1::DataType type = PackType(tensor.dtype());
  if (type == v1::DATA_TYPE_UNSPECIFIED) {
    return absl::InvalidArgumentError(
        fmt::format("output '{}' has elements of type {}, which outputs cannot have", name,
                    std::string(tensor.dtype().name())));
  }
  return TensorView{.name = name,
                    .type = type,
                    .dims = {tensor.sizes().begin(), tensor.sizes().end()},
                    .bytes = {static_cast<const char*>(tensor.raw_data()), tensor.nbytes()}};
}

uint64_t CountNans(const TensorView& view) {
  if (view.type == v1::DATA_TYPE_FLOAT32) return CountNansOf<float>(view.bytes);
  if (view.type == v1::DATA_TYPE_FLOAT64) return CountNansOf<double>(view.bytes);
  return 0;
}

std::string DescribeNans(const std::vector<TensorView>& tensors) {
  size_t found = 0;
  std::vector<std::string> named;
  for (const TensorView& view : tensors) {
    const uint64_t nans = CountNans(view);
    if (nans == 0 || ++found > kNamedTensors) continue;
    named.push_back(fmt::format("{} of the {} elements of '{}'", nans,
                                view.bytes.size() / ElementSize(view.type),
                                Printable(view.name, kMaxNameBytes)));
  }
  if (found == 0) return "";
  return fmt::format("NaN in {} tensor{}: {}{}", found, found == 1 ? "" : "s",
                     fmt::join(named, ", "), found > named.size() ? ", ..." : "");
}

}  // namespace synergy
