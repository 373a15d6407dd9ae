#include "client/models/onnx/onnx_tensor.h"

#include <onnx/onnx_pb.h>

#include <bit>
#include <charconv>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/printable.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

using ::onnx::TensorProto;

static_assert(std::endian::native == std::endian::little, "raw data are used as they lie there");

absl::Status Bad(const TensorProto& tensor, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("tensor '{}': {}", tensor.name(), what));
}

template <class Field>
std::string_view BytesOf(const Field& field) {
  return {reinterpret_cast<const char*>(field.data()),
          static_cast<size_t>(field.size()) * sizeof(*field.data())};
}

float FromHalf(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu;
  const uint32_t fraction = half & 0x3ffu;
  if (exponent == 0) {  // zero and subnormal numbers: fraction times 2^-24
    const float value = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -value : value;
  }
  const uint32_t bits =
      exponent == 31 ? 0x7f800000u | fraction << 13 : (exponent + 112) << 23 | fraction << 13;
  return std::bit_cast<float>(sign | bits);
}

float FromBfloat(uint16_t value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16);
}

// float16 and bfloat16 as float32; `raw` has two bytes for each.
absl::Status Widen(const TensorProto& tensor, std::string_view raw, OnnxConstant* constant) {
  const bool half = tensor.data_type() == TensorProto::FLOAT16;
  std::vector<float> values;
  const auto add = [&](uint16_t bits) {
    values.push_back(half ? FromHalf(bits) : FromBfloat(bits));
  };
  if (raw.data() != nullptr) {
    if (raw.size() % 2 != 0) return Bad(tensor, "an odd number of bytes for 16-bit numbers");
    values.reserve(raw.size() / 2);
    for (size_t i = 0; i < raw.size(); i += 2) {
      uint16_t bits = 0;
      std::memcpy(&bits, raw.data() + i, 2);
      add(bits);
    }
  } else {
    for (const int32_t bits : tensor.int32_data()) add(static_cast<uint16_t>(bits));
  }
  SetElements(values, constant);
  return absl::OkStatus();
}

// The field that holds elements of this type where there are no raw data.
void TakeTypedField(const TensorProto& tensor, std::shared_ptr<const void> owner,
                    OnnxConstant* constant) {
  constant->owner = std::move(owner);
  switch (tensor.data_type()) {
    case TensorProto::FLOAT:
      constant->bytes = BytesOf(tensor.float_data());
      return;
    case TensorProto::DOUBLE:
      constant->bytes = BytesOf(tensor.double_data());
      return;
    case TensorProto::INT64:
      constant->bytes = BytesOf(tensor.int64_data());
      return;
    case TensorProto::INT32:
      constant->bytes = BytesOf(tensor.int32_data());
      return;
    default: {  // uint8 and bool, one int32 each
      std::vector<uint8_t> values;
      values.reserve(static_cast<size_t>(tensor.int32_data_size()));
      for (const int32_t value : tensor.int32_data()) {
        values.push_back(
            static_cast<uint8_t>(constant->type == v1::DATA_TYPE_BOOL ? value != 0 : value));
      }
      SetElements(values, constant);
    }
  }
}

absl::StatusOr<uint64_t> ParseCount(const TensorProto& tensor, const std::string& key,
                                    const std::string& text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) {
    return Bad(tensor, fmt::format("external data with {} '{}', which is no count of bytes", key,
                                   text.substr(0, 40)));
  }
  return value;
}

// ONNX says "SHA1 digest of the file" and everybody takes that for hexadecimal.
absl::StatusOr<std::string> ParseSha1(const TensorProto& tensor, const std::string& text) {
  constexpr size_t kHexDigits = 40;
  std::string hex = text;
  for (char& c : hex) c = absl::ascii_tolower(static_cast<unsigned char>(c));
  if (hex.size() != kHexDigits || hex.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return Bad(tensor, fmt::format("external data with the checksum '{}', which is no SHA-1 in "
                                   "hexadecimal digits",
                                   Printable(text, 48)));
  }
  return hex;
}

absl::StatusOr<std::shared_ptr<const std::string>> ReadExternal(const TensorProto& tensor,
                                                                uint64_t wanted,
                                                                const ReadExternalBytes& read) {
  OnnxExternalBytes data;
  data.length = wanted;
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") data.location = entry.value();
    if (entry.key() == "checksum") {
      auto sha1 = ParseSha1(tensor, entry.value());
      if (!sha1.ok()) return sha1.status();
      data.file_sha1 = *std::move(sha1);
    }
    if (entry.key() != "offset" && entry.key() != "length") continue;
    auto value = ParseCount(tensor, entry.key(), entry.value());
    if (!value.ok()) return value.status();
    (entry.key() == "offset" ? data.offset : data.length) = *value;
  }
  if (data.location.empty()) return Bad(tensor, "external data without a location");
  if (data.length != wanted) {
    return Bad(tensor, fmt::format("{} bytes of external data where its shape needs {}",
                                   data.length, wanted));
  }
  if (!read) return Bad(tensor, "its data are in another file, which cannot be read from here");
  auto bytes = read(data);
  if (bytes.ok()) return bytes;
  return absl::Status(bytes.status().code(), fmt::format("tensor '{}': {}", tensor.name(),
                                                         std::string(bytes.status().message())));
}

void NormaliseBools(OnnxConstant* constant) {
  for (const char byte : constant->bytes) {
    if (static_cast<unsigned char>(byte) <= 1) continue;
    std::vector<uint8_t> values;
    for (const char value : constant->bytes) values.push_back(value != 0);
    SetElements(values, constant);
    return;
  }
}

}  // namespace

std::string OnnxTypeName(int32_t data_type) {
  if (data_type == TensorProto::FLOAT) return "float32";
  if (data_type == TensorProto::DOUBLE) return "float64";
  if (!TensorProto::DataType_IsValid(data_type)) return fmt::format("number {}", data_type);
  std::string name = TensorProto::DataType_Name(static_cast<TensorProto::DataType>(data_type));
  for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return name;
}

absl::StatusOr<v1::DataType> FromOnnxType(int32_t data_type) {
  switch (data_type) {
    case TensorProto::FLOAT:
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16:
      return v1::DATA_TYPE_FLOAT32;
    case TensorProto::DOUBLE:
      return v1::DATA_TYPE_FLOAT64;
    case TensorProto::INT32:
      return v1::DATA_TYPE_INT32;
    case TensorProto::INT64:
      return v1::DATA_TYPE_INT64;
    case TensorProto::UINT8:
      return v1::DATA_TYPE_UINT8;
    case TensorProto::BOOL:
      return v1::DATA_TYPE_BOOL;
    default:
      return absl::UnimplementedError(
          fmt::format("element type {}, which Caffe2's operators lack", OnnxTypeName(data_type)));
  }
}

absl::StatusOr<OnnxConstant> ReadTensorUntrusted(const TensorProto& tensor,
                                                 std::shared_ptr<const void> owner,
                                                 const ReadExternalBytes& read_external) {
  OnnxConstant constant;
  auto type = FromOnnxType(tensor.data_type());
  if (!type.ok()) {
    return absl::UnimplementedError(
        fmt::format("tensor '{}': {}", tensor.name(), std::string(type.status().message())));
  }
  if (tensor.has_segment()) return Bad(tensor, "a segmented tensor, which no exporter writes");
  constant.type = *type;
  constant.dims.assign(tensor.dims().begin(), tensor.dims().end());
  auto count = ElementCount(constant.dims);
  if (!count.ok()) return Bad(tensor, std::string(count.status().message()));

  std::string_view raw;
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    const bool two_bytes =
        tensor.data_type() == TensorProto::FLOAT16 || tensor.data_type() == TensorProto::BFLOAT16;
    const uint64_t element = two_bytes ? 2 : ElementSize(constant.type);
    auto bytes = ReadExternal(tensor, static_cast<uint64_t>(*count) * element, read_external);
    if (!bytes.ok()) return bytes.status();
    raw = **bytes;
    owner = *bytes;
  } else if (tensor.has_raw_data()) {
    raw = tensor.raw_data();
  }
  const bool wide =
      tensor.data_type() == TensorProto::FLOAT16 || tensor.data_type() == TensorProto::BFLOAT16;
  if (wide) {
    if (auto status = Widen(tensor, raw, &constant); !status.ok()) return status;
  } else if (raw.data() != nullptr) {
    constant.bytes = raw;
    constant.owner = std::move(owner);
    if (constant.type == v1::DATA_TYPE_BOOL) NormaliseBools(&constant);
  } else {
    TakeTypedField(tensor, std::move(owner), &constant);
  }
  const uint64_t wanted = static_cast<uint64_t>(*count) * ElementSize(constant.type);
  if (constant.bytes.size() != wanted) {
    return Bad(tensor, fmt::format("{} bytes of elements where its shape [{}] needs {}; "
                                   "the file was cut off or damaged",
                                   constant.bytes.size(), fmt::join(constant.dims, ", "), wanted));
  }
  return constant;
}

}  // namespace synergy
