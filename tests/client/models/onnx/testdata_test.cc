// ONNX's own test data (Debian's libonnx-testdata, written by others): every model whose operators
// the converter takes is converted, run by Caffe2, and its outputs are held against the expected
// ones. Also a bar: `./check bars onnx`.
#include <caffe2/core/init.h>
#include <caffe2/core/net.h>
#include <caffe2/core/workspace.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "client/models/onnx/onnx_converter.h"
#include "client/models/onnx/onnx_tensor.h"
#include "client/models/onnx/operator_table.h"
#include "daemon/worker/tensor_blobs.h"
#include "fmt/format.h"

namespace synergy {
namespace {

namespace fs = std::filesystem;

const fs::path kData = "/usr/share/libonnx-testdata/data";

// Operators that ConvNets use: what the converter promises to take.
const std::set<std::string> kPromised = {"Conv",          "ConvTranspose",
                                         "Gemm",          "MatMul",
                                         "MaxPool",       "AveragePool",
                                         "Relu",          "GlobalAveragePool",
                                         "GlobalMaxPool", "BatchNormalization",
                                         "LRN",           "InstanceNormalization",
                                         "LeakyRelu",     "PRelu",
                                         "Elu",           "Sigmoid",
                                         "Tanh",          "HardSigmoid",
                                         "HardSwish",     "Clip",
                                         "Softmax",       "Add",
                                         "Sub",           "Mul",
                                         "Div",           "Pow",
                                         "Sum",           "Concat",
                                         "Split",         "Flatten",
                                         "Reshape",       "Squeeze",
                                         "Unsqueeze",     "Transpose",
                                         "Pad",           "Dropout",
                                         "Identity",      "Constant",
                                         "ReduceMean",    "Upsample",
                                         "Resize",        "Slice",
                                         "Gather",        "Shape",
                                         "Cast"};

// What a refusal must name, and the models that Caffe2 cannot run for that reason.
const std::vector<std::pair<std::string, std::vector<std::string>>> kRefusals = {
    {"Add): element type uint8", {"node/test_add_uint8"}},
    {"BatchNormalization): training_mode is 1: this is a model for training",
     {"node/test_batchnorm_epsilon_training_mode", "node/test_batchnorm_example_training_mode"}},
    {"Cast): to element type float16, which Caffe2's operators lack",
     {"node/test_cast_DOUBLE_to_FLOAT16", "node/test_cast_FLOAT_to_FLOAT16",
      "node/test_castlike_DOUBLE_to_FLOAT16_expanded",
      "node/test_castlike_FLOAT_to_FLOAT16_expanded"}},
    {"Cast): to element type bfloat16, which Caffe2's operators lack",
     {"node/test_cast_FLOAT_to_BFLOAT16", "node/test_castlike_FLOAT_to_BFLOAT16_expanded"}},
    {"Cast): to element type string, which Caffe2's operators lack",
     {"node/test_cast_FLOAT_to_STRING"}},
    {"element type string, which Caffe2's operators lack",
     {"node/test_cast_STRING_to_FLOAT", "node/test_castlike_FLOAT_to_STRING_expanded",
      "node/test_castlike_STRING_to_FLOAT_expanded"}},
    {"element type int8, which Caffe2's operators lack",
     {"node/test_clip_default_int8_inbounds", "node/test_clip_default_int8_max",
      "node/test_clip_default_int8_min", "node/test_max_int8", "node/test_min_int8"}},
    {"ConvTranspose): 3 spatial axes: Caffe2's ConvTranspose has one for height and one for width",
     {"node/test_convtranspose_3d"}},
    {"ConvTranspose): dilations other than 1: Caffe2's ConvTranspose has none",
     {"node/test_convtranspose_dilations"}},
    {"Div): element type uint8", {"node/test_div_uint8"}},
    {"is no dense tensor (a sequence, map, optional or sparse one), and Caffe2 takes no others",
     {"node/test_identity_opt", "node/test_identity_sequence"}},
    {"MaxPool): dilations other than 1: Caffe2's pools have none",
     {"node/test_maxpool_2d_dilations", "pytorch-converted/test_MaxPool1d_stride_padding_dilation",
      "pytorch-converted/test_MaxPool2d_stride_padding_dilation"}},
    {"MaxPool): element type uint8", {"node/test_maxpool_2d_uint8"}},
    {"MaxPool): the output Indices: Caffe2's MaxPool gives maxima alone",
     {"node/test_maxpool_with_argmax_2d_precomputed_pads",
      "node/test_maxpool_with_argmax_2d_precomputed_strides"}},
    {"Mul): element type uint8", {"node/test_mul_uint8"}},
    {"Pow): element type int64",
     {"node/test_pow_types_float", "node/test_pow_types_int64_float32",
      "node/test_pow_types_int64_int64"}},
    {"element type uint32, which Caffe2's operators lack",
     {"node/test_pow_types_float32_uint32", "node/test_max_uint32", "node/test_min_uint32"}},
    {"element type uint64, which Caffe2's operators lack",
     {"node/test_pow_types_float32_uint64", "node/test_max_uint64", "node/test_min_uint64"}},
    {"Pow): element type int32",
     {"node/test_pow_types_int32_float32", "node/test_pow_types_int32_int32"}},
    {"Reshape): an empty tensor in another shape", {"node/test_reshape_allowzero_reordered"}},
    {"Resize): mode 'cubic'",
     {"node/test_resize_downsample_scales_cubic",
      "node/test_resize_downsample_scales_cubic_A_n0p5_exclude_outside",
      "node/test_resize_downsample_scales_cubic_align_corners",
      "node/test_resize_downsample_sizes_cubic", "node/test_resize_upsample_scales_cubic",
      "node/test_resize_upsample_scales_cubic_A_n0p5_exclude_outside",
      "node/test_resize_upsample_scales_cubic_align_corners",
      "node/test_resize_upsample_scales_cubic_asymmetric",
      "node/test_resize_upsample_sizes_cubic"}},
    {"Resize): mode 'linear' with coordinate_transformation_mode 'half_pixel'",
     {"node/test_resize_downsample_scales_linear", "node/test_resize_upsample_scales_linear"}},
    {"Resize): mode 'linear' with coordinate_transformation_mode 'pytorch_half_pixel'",
     {"node/test_resize_downsample_sizes_linear_pytorch_half_pixel"}},
    {"Resize): mode 'linear' with coordinate_transformation_mode 'tf_crop_and_resize'",
     {"node/test_resize_tf_crop_and_resize"}},
    {"Sub): element type uint8", {"node/test_sub_uint8"}},
    {"Dropout): training_mode is true: this is a model for training",
     {"node/test_training_dropout", "node/test_training_dropout_default",
      "node/test_training_dropout_default_mask", "node/test_training_dropout_mask"}},
    {"Max): element type float64", {"node/test_max_float64"}},
    {"element type int16, which Caffe2's operators lack",
     {"node/test_max_int16", "node/test_min_int16"}},
    {"Max): element type int32", {"node/test_max_int32"}},
    {"Max): element type int64", {"node/test_max_int64"}},
    {"element type uint16, which Caffe2's operators lack",
     {"node/test_max_uint16", "node/test_min_uint16"}},
    {"Max): element type uint8", {"node/test_max_uint8"}},
    {"Min): element type float64", {"node/test_min_float64"}},
    {"Min): element type int32", {"node/test_min_int32"}},
    {"Min): element type int64", {"node/test_min_int64"}},
    {"Min): element type uint8", {"node/test_min_uint8"}},
    {"Where): its inputs are computed while the net runs: this operator is taken only in "
     "computations of shapes",
     {"node/test_where_example"}},
    {"coordinate_transformation_mode 'align_corners' with a scale of 0.6",
     {"node/test_resize_downsample_scales_linear_align_corners"}},
};

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TensorView View(const std::string& name, const OnnxConstant& tensor) {
  return {name, tensor.type, tensor.dims, tensor.bytes};
}

// One data set of a model: named inputs and outputs.
struct DataSet {
  std::vector<std::pair<std::string, OnnxConstant>> inputs;
  std::vector<std::pair<std::string, OnnxConstant>> outputs;
  std::string unreadable;
};

struct Outcome {
  enum Kind { kPassed, kRefused, kFailed } kind = kPassed;
  std::string text;
  bool known_inputs = false;
};

class Case {
 public:
  explicit Case(const fs::path& folder) : folder_(folder), bytes_(ReadFile(folder / "model.onnx")) {
    if (!model_.ParseFromString(bytes_)) ADD_FAILURE() << "no model in " << folder;
  }

  std::set<std::string> Operators() const {
    std::set<std::string> types;
    for (const auto& node : model_.graph().node()) types.insert(node.op_type());
    return types;
  }

  // All data sets; the first that does not pass decides.
  Outcome Run() const {
    Outcome outcome;
    size_t sets = 0;
    while (fs::exists(folder_ / fmt::format("test_data_set_{}", sets))) {
      const DataSet data = Read(folder_ / fmt::format("test_data_set_{}", sets++));
      const Outcome one = RunSet(data);
      outcome.known_inputs = outcome.known_inputs || one.known_inputs;
      if (one.kind != Outcome::kPassed) return one;
    }
    if (sets == 0) return {Outcome::kFailed, "no data sets", false};
    return outcome;
  }

 private:
  DataSet Read(const fs::path& folder) const {
    DataSet set;
    std::set<std::string> initializers;
    for (const auto& tensor : model_.graph().initializer()) initializers.insert(tensor.name());
    int count = 0;
    for (const auto& input : model_.graph().input()) {
      if (initializers.contains(input.name())) continue;
      Add(folder / fmt::format("input_{}.pb", count++), input, &set.inputs, &set.unreadable);
    }
    for (int i = 0; i < model_.graph().output_size(); ++i) {
      Add(folder / fmt::format("output_{}.pb", i), model_.graph().output(i), &set.outputs,
          &set.unreadable);
    }
    return set;
  }

  static void Add(const fs::path& file, const onnx::ValueInfoProto& value,
                  std::vector<std::pair<std::string, OnnxConstant>>* tensors, std::string* error) {
    const std::string& name = value.name();
    const int type = value.type().tensor_type().elem_type();
    auto proto = std::make_shared<onnx::TensorProto>();
    if (!proto->ParseFromString(ReadFile(file))) {
      *error = fmt::format("{} holds no tensor", file.string());
      return;
    }
    // The data sets have the bits of bfloat16 as uint16.
    if (proto->data_type() == onnx::TensorProto::UINT16 && type == onnx::TensorProto::BFLOAT16) {
      proto->set_data_type(type);
    }
    auto tensor = ReadTensorUntrusted(*proto, proto, nullptr);
    if (!tensor.ok()) {
      *error = tensor.status().ToString();
      return;
    }
    tensors->emplace_back(name, *std::move(tensor));
  }

  Outcome RunSet(const DataSet& data) const {
    Outcome outcome;
    OnnxOptions options;
    // Single operators have shapes, axes and pads as inputs of the graph.
    options.input_value =
        [&](const std::string& name) -> absl::StatusOr<std::optional<OnnxConstant>> {
      outcome.known_inputs = true;
      for (const auto& [input, value] : data.inputs) {
        if (input == name) return value;
      }
      return std::nullopt;
    };
    const auto model = ConvertOnnxUntrusted(folder_.filename(), bytes_, options);
    if (!model.ok()) {
      outcome.kind = absl::IsUnimplemented(model.status()) ? Outcome::kRefused : Outcome::kFailed;
      outcome.text = model.status().ToString();
      return outcome;
    }
    outcome.text = data.unreadable.empty() ? Compute(*model, data) : data.unreadable;
    if (!outcome.text.empty()) outcome.kind = Outcome::kFailed;
    return outcome;
  }

  static void Feed(caffe2::Workspace* workspace, const TensorView& view) {
    caffe2::Tensor* tensor = caffe2::BlobGetMutableTensor(
        workspace->CreateBlob(view.name), view.dims, at::dtype(*Caffe2Type(view.type)));
    void* data = tensor->raw_mutable_data();
    if (!view.bytes.empty()) std::memcpy(data, view.bytes.data(), view.bytes.size());
  }

  // What is wrong with the outputs; empty where nothing is.
  static std::string Compute(const Model& model, const DataSet& data) {
    caffe2::Workspace workspace;
    for (const TensorView& weight : model.weights) Feed(&workspace, weight);
    for (const auto& [name, tensor] : data.inputs) {
      if (model.weights.empty() || !workspace.HasBlob(name)) Feed(&workspace, View(name, tensor));
    }
    try {
      if (model.predict.op_size() > 0 && !workspace.RunNetOnce(model.predict)) return "did not run";
    } catch (const std::exception& error) {
      return std::string("Caffe2: ") + error.what();
    }
    if (model.outputs.size() != data.outputs.size()) return "another number of outputs";
    for (size_t i = 0; i < data.outputs.size(); ++i) {
      const auto& [name, expected] = data.outputs[i];
      if (model.outputs[i] != name) return fmt::format("output {} is '{}'", i, model.outputs[i]);
      const std::string wrong = Compare(workspace.GetBlob(name)->Get<caffe2::Tensor>(), expected);
      if (!wrong.empty()) return fmt::format("output '{}': {}", name, wrong);
    }
    return ShapesOf(model, workspace);
  }

  // The shapes that were computed beforehand are those that the run gave.
  static std::string ShapesOf(const Model& model, const caffe2::Workspace& workspace) {
    for (const Layer& layer : model.layers) {
      for (const BlobShape& blob : layer.outputs) {
        const auto& tensor = workspace.GetBlob(blob.blob)->Get<caffe2::Tensor>();
        if (tensor.sizes().vec() != blob.dims) {
          return fmt::format("blob '{}' has shape [{}], computed [{}]", blob.blob,
                             fmt::join(tensor.sizes().vec(), ", "), fmt::join(blob.dims, ", "));
        }
      }
    }
    return {};
  }

  static std::string Compare(const caffe2::Tensor& tensor, const OnnxConstant& expected) {
    if (tensor.sizes().vec() != expected.dims) {
      return fmt::format("shape [{}], expected [{}]", fmt::join(tensor.sizes().vec(), ", "),
                         fmt::join(expected.dims, ", "));
    }
    if (PackType(tensor.dtype()) != expected.type) return "another element type";
    if (tensor.numel() == 0) return {};
    const std::string_view bytes(static_cast<const char*>(tensor.raw_data()), tensor.nbytes());
    if (IsInteger(expected.type)) return bytes == expected.bytes ? "" : "other integers";
    const std::vector<double> got = FloatsOf({expected.type, expected.dims, bytes, nullptr});
    const std::vector<double> wanted = FloatsOf(expected);
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (std::isnan(wanted[i]) && std::isnan(got[i])) continue;
      if (std::abs(got[i] - wanted[i]) <= 1e-5 + 1e-3 * std::abs(wanted[i])) continue;
      if (got[i] == wanted[i]) continue;  // infinite
      return fmt::format("element {} is {}, expected {}", i, got[i], wanted[i]);
    }
    return {};
  }

  fs::path folder_;
  std::string bytes_;
  onnx::ModelProto model_;
};

struct Tally {
  int passed = 0;
  int known_inputs = 0;
  std::vector<std::string> refused, failed;
};

void PrintTally(const std::string& title, const Tally& tally) {
  std::cout << fmt::format(
      "{}: {} passed ({} of them with inputs known beforehand), {} failed, "
      "{} refused\n",
      title, tally.passed, tally.known_inputs, tally.failed.size(), tally.refused.size());
  for (const std::string& line : tally.failed) std::cout << "  failed " << line << "\n";
  for (const std::string& line : tally.refused) std::cout << "  refused " << line << "\n";
}

TEST(OnnxTestData, PassesOrIsRefusedForWhatCaffe2CannotExpress) {
  ASSERT_TRUE(fs::is_directory(kData))
      << kData << " is missing: install libonnx-testdata (deploy/packages/debian.txt)";
  int argc = 1;
  std::string program = "test";
  char* arguments[] = {program.data(), nullptr};
  char** argv = arguments;
  ASSERT_TRUE(caffe2::GlobalInit(&argc, &argv));
  const std::vector<std::string> types = OnnxOperatorTypes();
  const std::set<std::string> taken(types.begin(), types.end());
  ASSERT_TRUE(std::includes(taken.begin(), taken.end(), kPromised.begin(), kPromised.end()));

  std::map<std::string, std::string> expected;  // refusal by model
  for (const auto& [reason, models] : kRefusals) {
    for (const std::string& model : models) expected[model] = reason;
  }
  Tally promised, beyond;
  for (const std::string suite : {"node", "pytorch-converted", "pytorch-operator", "simple"}) {
    std::set<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(kData / suite)) folders.insert(entry.path());
    for (const fs::path& folder : folders) {
      const Case test(folder);
      const std::set<std::string> used = test.Operators();
      if (!std::includes(taken.begin(), taken.end(), used.begin(), used.end())) continue;
      const bool is_promised =
          std::includes(kPromised.begin(), kPromised.end(), used.begin(), used.end());
      Tally& tally = is_promised ? promised : beyond;
      const std::string name = suite + "/" + folder.filename().string();
      const Outcome outcome = test.Run();
      if (outcome.kind == Outcome::kPassed) {
        ++tally.passed;
        if (outcome.known_inputs) ++tally.known_inputs;
      } else if (outcome.kind == Outcome::kFailed) {
        tally.failed.push_back(name + ": " + outcome.text);
      } else {
        tally.refused.push_back(name + ": " + outcome.text);
        const auto found = expected.find(name);
        EXPECT_TRUE(found != expected.end()) << "a new refusal: " << name << ": " << outcome.text;
        if (found != expected.end()) {
          EXPECT_THAT(outcome.text, ::testing::HasSubstr(found->second)) << name;
          expected.erase(found);
        }
      }
    }
  }
  PrintTally("promised operators", promised);
  PrintTally("other operators", beyond);
  for (const auto& [name, reason] : expected) ADD_FAILURE() << name << " is not refused any more";
  EXPECT_TRUE(promised.failed.empty());
  EXPECT_TRUE(beyond.failed.empty());
  EXPECT_GE(promised.passed, 260);
}

}  // namespace
}  // namespace synergy
