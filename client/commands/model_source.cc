#include "client/commands/model_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "client/commands/exit_code.h"
#include "client/commands/input_values.h"
#include "client/commands/onnx_external_data.h"
#include "client/commands/user_file.h"
#include "client/models/caffe2_net.h"
#include "client/models/not_finite.h"
#include "client/models/onnx/onnx_converter.h"
#include "client/models/zoo.h"
#include "common/op_cost.h"
#include "common/printable.h"
#include "common/spec_validation.h"

namespace synergy {
namespace {

using InputShapes = std::map<std::string, std::vector<int64_t>>;

constexpr size_t kMaxNameBytes = 200;  // as daemons take them

template <typename... T>
absl::Status Refuse(fmt::format_string<T...> format, T&&... args) {
  return Ending(ExitCode::kUsage,
                absl::InvalidArgumentError(fmt::format(format, std::forward<T>(args)...)));
}

std::optional<std::vector<int64_t>> ParseDims(std::string_view text) {
  std::vector<int64_t> dims;
  if (text == FormatShape({})) return dims;
  while (true) {
    int64_t dim = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), dim);
    if (error != std::errc() || dim < 1) return std::nullopt;
    dims.push_back(dim);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (text.empty()) return dims;
    if (text.front() != ',') return std::nullopt;
    text.remove_prefix(1);
  }
}

absl::StatusOr<InputShapes> ParseShapes(const std::vector<std::string>& flags) {
  InputShapes shapes;
  for (const std::string& flag : flags) {
    const size_t equals = flag.rfind('=');
    const std::optional<std::vector<int64_t>> dims =
        equals == std::string::npos || equals == 0
            ? std::nullopt
            : ParseDims(std::string_view(flag).substr(equals + 1));
    if (!dims) {
      return Refuse(
          "--input-shape {}: write it as BLOB=1,3,224,224, each dimension at least 1, or "
          "BLOB=scalar",
          flag);
    }
    if (!shapes.emplace(flag.substr(0, equals), *dims).second) {
      return Refuse("--input-shape {}: input '{}' is given twice", flag, flag.substr(0, equals));
    }
  }
  return shapes;
}

absl::StatusOr<LoadedModel> LoadFromZoo(const ZooEntry& entry, const ModelOptions& options) {
  if (!options.init.empty() || !options.input_shapes.empty()) {
    return Refuse(
        "--net {} is a network of the zoo, which has its weights and shapes: leave out "
        "--init and --input-shape, or name a file",
        options.net);
  }
  const uint32_t batch = std::max(options.batch, 1u);
  absl::StatusOr<Model> model = entry.build(batch, options.seed);
  if (!model.ok()) return Ending(ExitCode::kUsage, model.status());
  LoadedModel loaded{*std::move(model), "zoo", batch};
  loaded.model.name = options.net;
  return loaded;
}

std::string NameOfFile(const std::string& path) {
  return Printable(std::filesystem::path(path).stem().string(), kMaxNameBytes);
}

// As the reader of Caffe2 nets says it of theirs; of each of a thousand weights is no use.
void NoteWeightsThatAreNotFinite(Model* model) {
  size_t weights = 0;
  for (const TensorView& weight : model->weights) {
    const std::string odd = NotFinite(weight);
    if (odd.empty() || ++weights > 1) continue;
    model->notes.push_back(fmt::format("the weight '{}' has values that are not finite: {}",
                                       Printable(weight.name, 64), odd));
  }
  if (weights > 1) {
    model->notes.push_back(fmt::format("{} weights have values that are not finite", weights));
  }
}

// What files are read with beside the options, and what of these they used.
struct Reading {
  InputShapes shapes;
  std::set<std::string> used_inputs{};
  std::optional<int64_t> batch{};    // what an ONNX file's open first dimensions became
  std::set<std::string> external{};  // files beside an ONNX file
};

absl::StatusOr<Model> ReadOnnx(const ModelOptions& options, Reading* reading) {
  if (!options.init.empty()) {
    return Refuse("--init {}: an ONNX file has its weights; leave it out", options.init);
  }
  const absl::StatusOr<std::string> file = ReadUserFile(options.net, kMaxProtobufBytes);
  if (!file.ok()) return file.status();
  OnnxOptions onnx;
  onnx.input_shapes = reading->shapes;
  if (options.batch > 0) onnx.batch = options.batch;
  onnx.on_batch = [reading](int64_t batch) { reading->batch = batch; };
  const auto external = OnnxExternalData(options.net);
  if (!external.ok()) return AboutFile(options.net, external.status());
  onnx.read_external = [&](const OnnxExternalBytes& bytes) {
    reading->external.insert(std::filesystem::path(options.net).parent_path() / bytes.location);
    return (*external)(bytes);
  };
  std::set<std::string> decided;
  onnx.input_value = [&](const std::string& input) -> absl::StatusOr<std::optional<OnnxConstant>> {
    const std::string* const flag = FindArrayFlag(options.inputs, input);
    if (flag == nullptr) return std::nullopt;
    reading->used_inputs.insert(*flag);
    decided.insert(input);
    return ReadArrayFlag(*flag, input);
  };
  absl::StatusOr<Model> model = ConvertOnnxUntrusted(NameOfFile(options.net), *file, onnx);
  if (!model.ok()) return AboutFile(options.net, model.status());
  for (const std::string& input : decided) {
    model->notes.push_back(
        fmt::format("the values of the input '{}' decide on shapes: they are part of the network",
                    Printable(input, 64)));
  }
  NoteWeightsThatAreNotFinite(&*model);
  return model;
}

absl::StatusOr<Model> ReadCaffe2(const ModelOptions& options, Reading* reading) {
  absl::StatusOr<std::string> predict = ReadUserFile(options.net, kMaxProtobufBytes);
  if (!predict.ok()) return predict.status();
  absl::StatusOr<std::string> init = std::string();
  if (!options.init.empty()) init = ReadUserFile(options.init, kMaxProtobufBytes);
  if (!init.ok()) return init.status();
  Caffe2NetOptions caffe2;
  caffe2.input_shapes = reading->shapes;
  caffe2.net_type = options.net_type;
  caffe2.seed = options.seed;
  absl::StatusOr<Model> model = ReadCaffe2Model(*std::move(predict), *std::move(init), caffe2);
  // The fault may lie in either, or between them.
  const std::string files =
      options.init.empty() ? options.net : fmt::format("{} with {}", options.net, options.init);
  if (!model.ok()) return AboutFile(files, model.status());
  if (model->name.empty()) model->name = NameOfFile(options.net);
  model->name = Printable(model->name, kMaxNameBytes);
  return model;
}

bool IsRead(const Model& model, const std::string& blob) {
  return std::any_of(model.layers.begin(), model.layers.end(), [&](const Layer& layer) {
    return std::any_of(layer.inputs.begin(), layer.inputs.end(),
                       [&](const BlobShape& input) { return input.blob == blob; });
  });
}

// Inputs that no operator reads are left out, with a note: files have them, and what folds to
// constants leaves them behind.
void LeaveOutUnread(Model* model) {
  std::erase_if(model->inputs, [&](const BlobShape& input) {
    if (IsRead(*model, input.blob)) return false;
    model->notes.push_back(
        fmt::format("no operator reads the input '{}': it is left out", input.blob));
    auto* external = model->predict.mutable_external_input();
    external->erase(std::remove(external->begin(), external->end(), input.blob), external->end());
    return true;
  });
}

// What boards refuse of a network whose operators are all right.
absl::Status CheckRunnable(const Model& model) {
  if (model.layers.empty()) {
    return Refuse("{}: no operator is left to run: all that it computes is constant or an input",
                  model.name);
  }
  if (model.inputs.size() > size_t{kMaxInputs}) {
    return Refuse("{}: it has {} inputs; boards take at most {}", model.name, model.inputs.size(),
                  kMaxInputs);
  }
  for (const BlobShape& input : model.inputs) {
    if (std::find(input.dims.begin(), input.dims.end(), 0) != input.dims.end()) {
      return Refuse(
          "{}: the input '{}' is {}, which holds nothing; give another shape with "
          "--input-shape",
          model.name, input.blob, FormatShape(input.dims));
    }
    if (input.dims.size() <= size_t{kMaxInputDims}) continue;
    return Refuse("{}: the input '{}' has {} dimensions; boards take at most {}", model.name,
                  input.blob, input.dims.size(), kMaxInputDims);
  }
  for (const std::string& output : model.outputs) {
    if (std::any_of(model.layers.begin(), model.layers.end(), [&](const Layer& layer) {
          return std::any_of(layer.outputs.begin(), layer.outputs.end(),
                             [&](const BlobShape& blob) { return blob.blob == output; });
        })) {
      continue;
    }
    return Refuse("{}: no operator writes the output '{}', so there is nothing to measure of it",
                  model.name, output);
  }
  return absl::OkStatus();
}

// A Caffe2 file says no shapes, so the batch is that of the shapes that are given.
absl::Status CheckCaffe2Batch(const ModelOptions& options, const Model& model) {
  const auto fits = [&](const BlobShape& input) {
    return !input.dims.empty() && input.dims[0] == options.batch;
  };
  if (options.batch == 0 || model.inputs.empty() ||
      std::any_of(model.inputs.begin(), model.inputs.end(), fits)) {
    return absl::OkStatus();
  }
  const BlobShape& first = model.inputs.front();
  return Refuse(
      "--input-shape {}={} and --batch {} contradict each other: leave out --batch, or "
      "give the shape with it",
      first.blob, first.dims.empty() ? "scalar" : fmt::format("{}", fmt::join(first.dims, ",")),
      options.batch);
}

// Images an inference, as far as shapes tell: the first dimension of the input that has the most
// dimensions, where the file does not say which is the batch. What has one dimension is one image.
absl::StatusOr<uint32_t> BatchOf(const Model& model, const Reading& reading) {
  int64_t batch = 1;
  size_t most = 1;
  for (const BlobShape& input : model.inputs) {
    if (input.dims.size() <= most) continue;
    most = input.dims.size();
    batch = input.dims[0];
  }
  batch = reading.batch.value_or(batch);
  if (batch <= int64_t{kMaxBatch}) return static_cast<uint32_t>(batch);
  return Refuse("{}: a batch of {}; boards take at most {}", model.name, batch, kMaxBatch);
}

absl::StatusOr<LoadedModel> LoadFromFile(const ModelOptions& options) {
  absl::StatusOr<InputShapes> shapes = ParseShapes(options.input_shapes);
  if (!shapes.ok()) return shapes.status();
  const bool onnx = HasSuffix(options.net, ".onnx");
  Reading reading = {*std::move(shapes)};
  absl::StatusOr<Model> model = onnx ? ReadOnnx(options, &reading) : ReadCaffe2(options, &reading);
  if (!model.ok()) return model.status();
  absl::Status status = onnx ? absl::OkStatus() : CheckCaffe2Batch(options, *model);
  if (!status.ok()) return status;
  LeaveOutUnread(&*model);
  if (status = CheckRunnable(*model); !status.ok()) return status;
  const absl::StatusOr<uint32_t> batch = BatchOf(*model, reading);
  if (!batch.ok()) return batch.status();
  LoadedModel loaded{*std::move(model), onnx ? "onnx" : "caffe2", *batch};
  loaded.used_inputs = std::move(reading.used_inputs);
  loaded.files = std::move(reading.external);
  loaded.files.insert(options.net);
  if (!options.init.empty()) loaded.files.insert(options.init);
  return loaded;
}

bool LooksLikeFile(const std::string& net) {
  std::error_code error;
  return net.find_first_of("./") != std::string::npos || std::filesystem::exists(net, error);
}

}  // namespace

void AddModelOptions(CLI::App& command, ModelOptions* options) {
  command
      .add_option("--net", options->net,
                  "Network to measure: one that synergyctl models lists, an ONNX file (.onnx), or "
                  "a Caffe2 predict net (binary or text protobuf)")
      ->type_name("NAME|FILE")
      ->required();
  command.add_option("--init", options->init, "Init net of a Caffe2 file: its weights")
      ->type_name("FILE");
  command
      .add_option("--input-shape", options->input_shapes,
                  "Shape of an input where the file does not say it (NAME=1,3,224,224; NAME is the "
                  "input's)")
      ->type_name("BLOB=D,D,...")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      .add_option("--net-type", options->net_type,
                  "How Caffe2 executes it: simple (one operator after another) or async_scheduling "
                  "(operators that do not wait for each other side by side)")
      ->check(CLI::IsMember({"simple", "async_scheduling"}))
      ->type_name("TYPE")
      ->default_str("simple, or what a Caffe2 file says");
  command.add_option("--batch", options->batch, "Images an inference")
      ->check(CLI::Range(1u, kMaxBatch))
      ->default_str("1, or what the file says");
  command
      .add_option("--seed", options->seed,
                  "Of the weights, of the input and of a simulated board's noise")
      ->check(NotNegative())
      ->capture_default_str();
}

absl::StatusOr<LoadedModel> LoadModel(const ModelOptions& options) {
  const absl::StatusOr<const ZooEntry*> entry = FindModel(options.net);
  if (!entry.ok() && !LooksLikeFile(options.net)) return Ending(ExitCode::kUsage, entry.status());
  absl::StatusOr<LoadedModel> loaded =
      entry.ok() ? LoadFromZoo(**entry, options) : LoadFromFile(options);
  if (loaded.ok() && loaded->source != "caffe2") {
    loaded->model.predict.set_type(options.net_type.empty() ? "simple" : options.net_type);
  }
  return loaded;
}

}  // namespace synergy
