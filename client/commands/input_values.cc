#include "client/commands/input_values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "client/commands/exit_code.h"
#include "client/commands/user_file.h"
#include "client/models/image.h"
#include "client/models/npy.h"
#include "common/op_cost.h"

namespace synergy {
namespace {

// What a device takes as the values of all inputs (common/protocol.h has the limit of their
// number of elements).
constexpr uint64_t kMaxInputFileBytes = uint64_t{2} << 30;

struct InputFlag {
  const BlobShape* input = nullptr;
  std::string path;
};

template <typename... T>
absl::Status Refuse(fmt::format_string<T...> format, T&&... args) {
  return Ending(ExitCode::kUsage,
                absl::InvalidArgumentError(fmt::format(format, std::forward<T>(args)...)));
}

std::string InputNames(const Model& model) {
  std::vector<std::string> names;
  for (const BlobShape& input : model.inputs) {
    names.push_back(fmt::format("{} ({})", input.blob, FormatShape(input.dims)));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

// Names of blobs have no rules: the longest input's name that the flag begins with is the one.
absl::StatusOr<InputFlag> ParseFlag(const std::string& flag, const Model& model) {
  InputFlag parsed;
  for (const BlobShape& input : model.inputs) {
    if (flag.starts_with(input.blob + "=") &&
        (parsed.input == nullptr || input.blob.size() > parsed.input->blob.size())) {
      parsed = {&input, flag.substr(input.blob.size() + 1)};
    }
  }
  if (parsed.input != nullptr) return parsed;
  if (model.inputs.size() == 1 && flag.find('=') == std::string::npos) {
    return InputFlag{&model.inputs[0], flag};
  }
  if (model.inputs.empty()) return Refuse("--input {}: {} reads no input", flag, model.name);
  return Refuse("--input {}: say which input it is for, BLOB=FILE; {} has: {}", flag, model.name,
                InputNames(model));
}

absl::Status Fits(const TensorView& array, const BlobShape& input, const std::string& path) {
  if (array.dims != input.dims) {
    std::vector<int64_t> with_batch = array.dims;
    with_batch.insert(with_batch.begin(), 1);
    return Refuse("{}: its shape is {}, and input '{}' takes {}{}", path, FormatShape(array.dims),
                  input.blob, FormatShape(input.dims),
                  with_batch == input.dims ? "; save a[None], which has the batch too" : "");
  }
  if (array.type != input.type) {
    return Refuse("{}: it holds {}, and input '{}' takes {}; save a.astype('{}')", path,
                  DataTypeName(array.type), input.blob, DataTypeName(input.type),
                  DataTypeName(input.type));
  }
  return absl::OkStatus();
}

// The array in the file, which `bytes` becomes.
absl::StatusOr<TensorView> ReadArray(const std::string& path, std::string* bytes) {
  absl::StatusOr<std::string> file = ReadUserFile(path, kMaxInputFileBytes);
  if (!file.ok()) return file.status();
  *bytes = *std::move(file);
  absl::StatusOr<TensorView> array = ParseNpyUntrusted(*bytes);
  return array.ok() ? array : AboutFile(path, array.status());
}

absl::Status AddArray(const InputFlag& flag, InputValues* values) {
  absl::StatusOr<TensorView> array = ReadArray(flag.path, &values->bytes.emplace_back());
  if (!array.ok()) return array.status();
  array->name = flag.input->blob;
  if (absl::Status fits = Fits(*array, *flag.input, flag.path); !fits.ok()) return fits;
  values->tensors.push_back(*std::move(array));
  return absl::OkStatus();
}

absl::Status AddPicture(const InputFlag& flag, InputValues* values) {
  if (flag.input->type != v1::DATA_TYPE_FLOAT32) {
    return Refuse("{}: a picture becomes float32, and input '{}' takes {}; give a .npy file",
                  flag.path, flag.input->blob, DataTypeName(flag.input->type));
  }
  const absl::StatusOr<std::string> file = ReadUserFile(flag.path, kMaxInputFileBytes);
  if (!file.ok()) return file.status();
  absl::StatusOr<std::string> elements = ImageElementsUntrusted(*file, flag.input->dims);
  if (!elements.ok()) return AboutFile(flag.path, elements.status());
  values->bytes.push_back(*std::move(elements));
  values->tensors.push_back(
      {flag.input->blob, flag.input->type, flag.input->dims, values->bytes.back()});
  return absl::OkStatus();
}

constexpr const char* kArraySuffix = ".npy";

}  // namespace

const std::string* FindArrayFlag(const std::vector<std::string>& flags, const std::string& blob) {
  const auto found = std::find_if(flags.begin(), flags.end(), [&](const std::string& flag) {
    return flag.starts_with(blob + "=") && HasSuffix(flag, kArraySuffix);
  });
  return found == flags.end() ? nullptr : &*found;
}

absl::StatusOr<OnnxConstant> ReadArrayFlag(const std::string& flag, const std::string& blob) {
  auto bytes = std::make_shared<std::string>();
  const auto array = ReadArray(flag.substr(blob.size() + 1), bytes.get());
  if (!array.ok()) return array.status();
  return OnnxConstant{array->type, array->dims, array->bytes, std::move(bytes)};
}

absl::StatusOr<InputValues> ReadInputValues(const std::vector<std::string>& flags,
                                            const Model& model) {
  InputValues values;
  for (const std::string& text : flags) {
    const absl::StatusOr<InputFlag> flag = ParseFlag(text, model);
    if (!flag.ok()) return flag.status();
    if (std::any_of(values.tensors.begin(), values.tensors.end(),
                    [&](const TensorView& tensor) { return tensor.name == flag->input->blob; })) {
      return Refuse("--input {}: input '{}' is given twice", text, flag->input->blob);
    }
    constexpr const char* kPictures[] = {".ppm", ".pgm", ".png", ".jpg", ".jpeg"};
    absl::Status added;
    if (HasSuffix(flag->path, kArraySuffix)) {
      added = AddArray(*flag, &values);
    } else if (std::any_of(std::begin(kPictures), std::end(kPictures),
                           [&](const char* suffix) { return HasSuffix(flag->path, suffix); })) {
      added = AddPicture(*flag, &values);
    } else {
      added =
          Refuse("--input {}: files of the kinds .npy, .ppm, .pgm, .png and .jpg are read", text);
    }
    if (!added.ok()) return added;
  }
  return values;
}

}  // namespace synergy
