// InferOperator against what Caffe2 itself makes of the same operator.

#include "client/models/operator_shapes.h"

#include <caffe2/core/init.h>
#include <caffe2/core/operator.h>
#include <caffe2/core/workspace.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/models/operator_cases.h"

namespace synergy {
namespace {

using ::testing::HasSubstr;

constexpr auto kInt = v1::DATA_TYPE_INT32;
constexpr auto kLong = v1::DATA_TYPE_INT64;
constexpr auto kBool = v1::DATA_TYPE_BOOL;
constexpr auto kDouble = v1::DATA_TYPE_FLOAT64;
constexpr auto kByte = v1::DATA_TYPE_UINT8;

template <class T>
void Fill(caffe2::Tensor* tensor) {
  T* values = tensor->mutable_data<T>();
  for (int64_t i = 0; i < tensor->numel(); ++i) values[i] = static_cast<T>(1);
}

void Feed(caffe2::Workspace* workspace, const BlobShape& blob) {
  caffe2::Tensor* tensor =
      caffe2::BlobGetMutableTensor(workspace->CreateBlob(blob.blob), blob.dims, at::dtype<float>());
  switch (blob.type) {
    case kInt:
      return Fill<int32_t>(tensor);
    case kLong:
      return Fill<int64_t>(tensor);
    case kBool:
      return Fill<bool>(tensor);
    case kDouble:
      return Fill<double>(tensor);
    case kByte:
      return Fill<uint8_t>(tensor);
    default:
      return Fill<float>(tensor);
  }
}

v1::DataType TypeOf(const caffe2::Tensor& tensor) {
  if (tensor.IsType<int32_t>()) return kInt;
  if (tensor.IsType<int64_t>()) return kLong;
  if (tensor.IsType<bool>()) return kBool;
  if (tensor.IsType<double>()) return kDouble;
  if (tensor.IsType<uint8_t>()) return kByte;
  return tensor.IsType<float>() ? v1::DATA_TYPE_FLOAT32 : v1::DATA_TYPE_UNSPECIFIED;
}

std::string TextOf(const OperatorCase& c) {
  std::string text = c.op.ShortDebugString() + " of";
  for (const BlobShape& input : c.inputs) text += fmt::format(" {}", FormatShape(input.dims));
  return text;
}

// Caffe2's outputs; none where it refuses.
std::vector<BlobShape> RunCaffe2(const OperatorCase& c) {
  caffe2::Workspace workspace;
  for (const BlobShape& input : c.inputs) Feed(&workspace, input);
  try {
    if (!workspace.RunOperatorOnce(c.op)) return {};
  } catch (const std::exception&) {
    return {};
  }
  std::vector<BlobShape> outputs;
  for (const std::string& blob : c.op.output()) {
    const caffe2::Blob* made = workspace.GetBlob(blob);
    if (!made->IsType<caffe2::Tensor>()) {
      outputs.push_back({blob, {0}, kBool});  // left empty
      continue;
    }
    const caffe2::Tensor& tensor = made->Get<caffe2::Tensor>();
    outputs.push_back({blob, tensor.sizes().vec(), TypeOf(tensor)});
  }
  return outputs;
}

void ExpectSame(const std::vector<BlobShape>& inferred, const std::vector<BlobShape>& made,
                const OperatorCase& c) {
  ASSERT_EQ(inferred.size(), made.size()) << TextOf(c);
  for (size_t i = 0; i < made.size(); ++i) {
    EXPECT_EQ(inferred[i].blob, made[i].blob) << TextOf(c);
    EXPECT_EQ(inferred[i].dims, made[i].dims) << TextOf(c);
    EXPECT_EQ(inferred[i].type, made[i].type) << TextOf(c);
  }
}

class OperatorShapes : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    int argc = 1;
    std::string name = "operator_shapes_test";
    char* args[] = {name.data(), nullptr};
    char** argv = args;
    ASSERT_TRUE(caffe2::GlobalInit(&argc, &argv));
  }

  // All of them run, and come out as inferred.
  static void ExpectRun(const std::vector<OperatorCase>& cases) {
    for (const OperatorCase& c : cases) {
      auto inferred = InferOperator(c.op, c.inputs);
      ASSERT_TRUE(inferred.ok()) << inferred.status() << ": " << TextOf(c);

      ExpectSame(*inferred, RunCaffe2(c), c);
    }
  }

  // Neither side takes them.
  static void ExpectRefused(const std::vector<OperatorCase>& cases) {
    for (const OperatorCase& c : cases) {
      EXPECT_FALSE(InferOperator(c.op, c.inputs).ok()) << TextOf(c);
      EXPECT_TRUE(RunCaffe2(c).empty()) << TextOf(c);
    }
  }

  // `make` draws `count` cases. What is inferred comes out so; at least a third is inferred.
  template <class Make>
  static void ExpectDrawn(int count, Make make) {
    std::mt19937 random(7);
    int inferred_cases = 0;
    for (int i = 0; i < count; ++i) {
      const OperatorCase c = make(random);
      auto inferred = InferOperator(c.op, c.inputs);
      if (!inferred.ok()) continue;
      ++inferred_cases;
      ExpectSame(*inferred, RunCaffe2(c), c);
    }
    EXPECT_GE(inferred_cases, count / 3);
  }
};

int64_t Draw(std::mt19937& random, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(random() % static_cast<uint32_t>(high - low + 1));
}

// The bits of an operator's shape that are worth varying alone.
// The stride that was drawn.
int64_t DrawWindow(Case* c, std::mt19937& random, int64_t kernel, bool dilation) {
  const int64_t stride = Draw(random, 1, 4);
  c->Arg("kernel", kernel).Arg("stride", stride);
  if (Draw(random, 0, 1) == 0) {
    c->Arg("pad", Draw(random, 0, 2));
  } else {
    for (const char* side : {"pad_t", "pad_l", "pad_b", "pad_r"}) c->Arg(side, Draw(random, 0, 3));
  }
  if (dilation) c->Arg("dilation", Draw(random, 1, 3));
  return stride;
}

TEST_F(OperatorShapes, OfDrawnConvolutionsAreCaffe2s) {
  ExpectDrawn(300, [](std::mt19937& random) {
    const int64_t group = Draw(random, 1, 3), kernel = Draw(random, 1, 4);
    const int64_t in = group * Draw(random, 1, 3), out = group * Draw(random, 1, 3);
    const bool last = group == 1 && Draw(random, 0, 3) == 0;
    const Shape x = {Draw(random, 1, 2), in, Draw(random, 2, 14), Draw(random, 2, 14)};
    Case c("Conv");
    c.In(last ? Shape{x[0], x[2], x[3], in} : x);
    c.In(last ? Shape{out, kernel, kernel, in} : Shape{out, in / group, kernel, kernel});
    if (Draw(random, 0, 1) == 0) c.In({out});
    DrawWindow(&c, random, kernel, true);
    if (last) c.Text("order", "NHWC");
    return OperatorCase(c.Arg("group", group).Out());
  });
}

TEST_F(OperatorShapes, OfDrawnPoolsAreCaffe2s) {
  ExpectDrawn(400, [](std::mt19937& random) {
    Case c(Draw(random, 0, 1) == 0 ? "MaxPool" : "AveragePool");
    c.In({Draw(random, 1, 2), Draw(random, 1, 3), Draw(random, 2, 14), Draw(random, 2, 14)});
    const int64_t kernel = Draw(random, 1, 5);
    if (Draw(random, 0, 2) > 0) {
      DrawWindow(&c, random, kernel, false);
    } else {
      const int64_t legacy = Draw(random, 1, 3);
      c.Arg("kernel", kernel).Arg("stride", Draw(random, 1, 4)).Arg("legacy_pad", legacy);
      if (legacy == 3) c.Arg("pad", Draw(random, 0, 1));
    }
    if (Draw(random, 0, 3) == 0) c.Arg("count_include_pad", 1);
    if (Draw(random, 0, 3) == 0) c.Text("order", "NHWC");
    return OperatorCase(c.Out());
  });
}

TEST_F(OperatorShapes, OfDrawnTransposedConvolutionsAreCaffe2s) {
  ExpectDrawn(300, [](std::mt19937& random) {
    const int64_t group = Draw(random, 1, 2), kernel = Draw(random, 1, 4);
    const int64_t in = group * Draw(random, 1, 3), out = Draw(random, 1, 3);
    Case c("ConvTranspose");
    c.In({Draw(random, 1, 2), in, Draw(random, 1, 6), Draw(random, 1, 6)});
    c.In({in, out, kernel, kernel});
    if (Draw(random, 0, 1) == 0) c.In({out * group});
    const int64_t stride = DrawWindow(&c, random, kernel, false);
    return OperatorCase(c.Arg("adj", Draw(random, 0, stride - 1)).Arg("group", group).Out());
  });
}

TEST_F(OperatorShapes, OfWindowsInTheirOtherSpellingsAreCaffe2s) {
  const auto conv = [](Shape x, Shape w) {
    return Case("Conv").In(std::move(x)).In(std::move(w)).Out();
  };
  ExpectRun({
      conv({1, 2, 9}, {3, 2, 4}).List("kernels", {4}).List("strides", {2}),
      conv({1, 2, 5, 6, 7}, {3, 2, 2, 3, 1}).List("kernels", {2, 3, 1}),
      conv({1, 2, 5, 6, 7}, {3, 2, 2, 3, 1})
          .List("kernels", {2, 3, 1})
          .List("pads", {1, 0, 2, 0, 1, 0}),
      conv({1, 2, 9, 8}, {3, 2, 4, 3}).Arg("kernel_h", 4).Arg("kernel_w", 3),
      conv({1, 2, 9, 8}, {3, 2, 4, 3})
          .List("kernels", {4, 3})
          .Arg("stride_h", 2)
          .Arg("stride_w", 1),
      conv({0, 2, 9, 8}, {3, 2, 3, 3}).Arg("kernel", 3),
      Case("Conv1D").In({1, 2, 9}).In({3, 2, 4}).List("kernels", {4}).Out(),
      Case("Conv2D").In({1, 2, 9, 9}).In({3, 2, 4, 4}).Arg("kernel", 4).Out(),
      Case("Conv3D").In({1, 1, 4, 4, 4}).In({3, 1, 2, 2, 2}).List("kernels", {2, 2, 2}).Out(),
      Case("AveragePool").In({2, 3, 7, 5}).Arg("global_pooling", 1).Out(),
      Case("MaxPool").In({2, 7, 5, 3}).Arg("global_pooling", 1).Text("order", "NHWC").Out(),
      Case("AveragePool1D").In({2, 3, 7}).List("kernels", {3}).Out(),
      Case("AveragePool2D").In({2, 3, 7, 7}).Arg("kernel", 2).Out(),
      Case("MaxPool3D").In({2, 3, 7, 6, 5}).List("kernels", {3, 2, 1}).Out(),
      Case("AveragePool3D").In({2, 3, 7, 6, 5}).List("kernels", {3, 2, 1}).Out(),
      Case("MaxPool1D").In({2, 3, 7}).List("kernels", {3}).List("pads", {1, 2}).Out(),
      Case("MaxPool2D").In({2, 3, 7, 7}).Arg("kernel", 2).Out(),
      Case("PadImage").In({1, 2, 4, 5}).List("pads", {1, 2, 0, 1}).Out(),
      Case("PadImage").In({1, 2, 4, 5}).List("pads", {-1, 2, 0, -2}).Out(),
      Case("PadImage").In({1, 2, 4, 5}).Arg("pad", 3).Text("mode", "reflect").Out(),
      Case("PadImage")
          .In({1, 4, 5, 2})
          .Arg("pad", 9)
          .Text("mode", "edge")
          .Text("order", "NHWC")
          .Out(),
      Case("LRN").In({1, 7, 4, 5}).Arg("size", 3).Float("alpha", 1).Float("beta", 1).Out(),
      Case("LRN")
          .In({1, 4, 5, 7})
          .Arg("size", 5)
          .Float("alpha", 1)
          .Float("beta", 1)
          .Text("order", "NHWC")
          .Out()
          .Out("scale"),
  });
}

TEST_F(OperatorShapes, OfWindowsThatCaffe2RefusesAreRefused) {
  ExpectRefused({
      Case("Conv").In({1, 2, 3, 3}).In({3, 2, 4, 4}).Arg("kernel", 4).Out(),
      Case("Conv").In({1, 2, 9, 9}).In({3, 3, 3, 3}).Arg("kernel", 3).Out(),
      Case("Conv").In({1, 2, 9, 9}).In({3, 2, 3, 3}).Arg("kernel", 4).Out(),
      Case("Conv").In({1, 2, 9, 9}).In({3, 2, 3, 3}).Out(),
      Case("Conv").In({1, 2, 9, 9}).In({3, 1, 3, 3}).Arg("kernel", 3).Arg("group", 2).Out(),
      Case("Conv").In({1, 2, 9, 9}).In({3, 2, 3, 3}).In({4}).Arg("kernel", 3).Out(),
      Case("Conv").In({1, 2, 9, 9}).In({3, 2, 3, 3}).Arg("kernel", 3).Out("x0"),
      Case("Conv")
          .In({1, 2, 9, 9})
          .In({3, 2, 3, 3})
          .Arg("kernel", 3)
          .Arg("pad", 1)
          .Arg("legacy_pad", 2)
          .Out(),
      Case("Conv").In({1, 2, 9, 9}).In({3, 2, 3, 3}).Float("kernel", 3).Out(),
      Case("Conv").In({1, 2, 9, 9}).In({3, 2, 3, 3}).Arg("kernel", 3).Arg("kernel", 4).Out(),
      Case("MaxPool").In({1, 2, 9, 9}).Arg("kernel", 2).Arg("pad", 2).Out(),
      Case("MaxPool").In({1, 2, 9, 9}).Arg("kernel", 2).Arg("dilation", 2).Out(),
      Case("MaxPool").In({1, 2, 9, 9}).Arg("global_pooling", 1).Arg("stride", 2).Out(),
      Case("MaxPool").In({1, 2, 9, 9}).Arg("global_pooling", 1).Name("Pool1").Out(),
      Case("MaxPool").In({1, 2, 9, 9}, kDouble).Arg("kernel", 2).Out(),
      Case("ConvTranspose").In({1, 2, 3, 3}).In({3, 2, 2, 2}).Arg("kernel", 2).Out(),
      Case("ConvTranspose").In({1, 2, 3, 3}).In({2, 2, 2, 2}).Arg("kernel", 2).Arg("adj", 2).Out(),
      Case("PadImage").In({1, 2, 4, 5}).Arg("pad", 1).Text("mode", "mirror").Out(),
  });
}

// One input, same shape: float, and the other types where they are taken.
TEST_F(OperatorShapes, OfElementwiseOperatorsAreTheirInputs) {
  std::vector<OperatorCase> cases;
  for (const char* type : {"Relu",       "LeakyRelu",   "Sigmoid",
                           "Tanh",       "Clip",        "Softmax",
                           "Sign",       "Copy",        "CopyFromCPUInput",
                           "Elu",        "HardSigmoid", "Softplus",
                           "Softsign",   "Exp",         "Log",
                           "Sqr",        "Floor",       "Ceil",
                           "Swish",      "Abs",         "Sqrt",
                           "Reciprocal", "Negative",    "Sum",
                           "Max",        "Min",         "Mean"}) {
    cases.push_back(Case(type).In({2, 3, 4}).Out());
    cases.push_back(Case(type).In({5, 1}).Out());
    cases.push_back(Case(type).In({2, 0}).Out());
  }
  for (const char* type :
       {"Relu",     "LeakyRelu",  "Sigmoid",  "Tanh", "Clip", "Elu",   "HardSigmoid",
        "Softplus", "Softsign",   "Exp",      "Log",  "Sqr",  "Floor", "Ceil",
        "Sqrt",     "Reciprocal", "Negative", "Sum",  "Max",  "Min",   "Mean"}) {
    cases.push_back(Case(type).In({2, 3}).Out("x0"));
  }
  for (const char* type : {"Sign", "Copy", "Negative", "Sum"}) {
    for (v1::DataType data : {kInt, kLong, kDouble})
      cases.push_back(Case(type).In({2, 3}, data).Out());
  }
  for (const char* type : {"Sqrt", "Reciprocal", "Mean"}) {
    cases.push_back(Case(type).In({2, 3}, kDouble).Out());
  }
  cases.push_back(Case("Not").In({2}, kBool).Out());
  cases.push_back(Case("CopyOnDeviceLike").In({2, 3}).In({7}).Out());
  cases.push_back(Case("Softmax").In({2, 3, 4}).Arg("axis", -1).Out());
  cases.push_back(Case("Dropout").In({2, 3}).Arg("is_test", 1).Out().Out("mask"));
  cases.push_back(Case("Dropout").In({2, 3}).Arg("is_test", 1).Out("x0"));
  cases.push_back(Case("PRelu").In({2, 3, 4}).In({1}).Out());
  cases.push_back(Case("PRelu").In({2, 3, 4}).In({3}).Out("x0"));
  cases.push_back(Case("PRelu").In({2, 3, 4}).In({4}).Text("order", "NHWC").Out());
  cases.push_back(Case("Pow").In({2, 3}).Float("exponent", 2).Out());
  cases.push_back(Case("Pow").In({2, 3}).In({2, 3}).Out("x1"));
  cases.push_back(Case("Pow").In({2, 3}).In({3}).Arg("broadcast", 1).Out());
  cases.push_back(Case("Sum").In({2, 3}).In({2, 3}).In({2, 3}).Out("x0"));
  cases.push_back(Case("Max").In({2, 3}).In({2, 3}).Out());
  ExpectRun(cases);
}

TEST_F(OperatorShapes, OfElementwiseOperatorsThatCaffe2RefusesAreRefused) {
  ExpectRefused({
      Case("Relu").In({2}, kInt).Out(),
      Case("Relu").In({2}).In({2}).Out(),
      Case("Relu").Out(),
      Case("Swish").In({2}).Out("x0"),
      Case("Softmax").In({2}).Out(),
      Case("Softmax").In({2, 2}).Arg("axis", 2).Out(),
      Case("Softmax").In({2, 2}).Arg("axis", int64_t{1} << 40).Out(),
      Case("PRelu").In({2, 3, 4}).In({4}).Out(),
      Case("Sum").In({2, 3}).In({3, 2}).Out(),
      Case("Sum").In({2, 3}, kBool).In({2, 3}, kBool).Out(),
      Case("Mean").In({2, 3}).In({3}).Out(),
      Case("Pow").In({2, 3}).Out(),
      Case("Pow").In({2, 3}).In({3}).Out(),
      Case("Copy").In({2}).Out("x0"),
  });
}

TEST_F(OperatorShapes, OfDrawnBroadcastsAreCaffe2s) {
  const std::vector<std::string> types = {
      "Add", "Sub", "Mul", "Div", "LT",  "LE",         "GT",        "GE",
      "EQ",  "NE",  "And", "Or",  "Xor", "BitwiseAnd", "BitwiseOr", "BitwiseXor"};
  ExpectDrawn(600, [&](std::mt19937& random) {
    const size_t type = random() % types.size();
    const v1::DataType data = type >= 10 ? kBool : type % 2 == 0 ? kInt : v1::DATA_TYPE_FLOAT32;
    Shape a, b;
    const bool legacy = Draw(random, 0, 2) == 0;
    for (int64_t i = Draw(random, 1, 4); i > 0; --i) a.push_back(Draw(random, 1, 3));
    const int64_t skip = Draw(random, 0, static_cast<int64_t>(a.size()) - 1);
    b.assign(a.begin() + skip, a.end());
    for (int64_t& dim : b) dim = Draw(random, 0, 3) == 0 ? 1 : dim;
    if (!legacy && Draw(random, 0, 1) == 0) std::swap(a, b);
    Case c(types[type]);
    c.In(a, data).In(b, data);
    if (legacy) c.Arg("broadcast", 1);
    if (legacy && Draw(random, 0, 1) == 0) c.Arg("axis", Draw(random, 0, 2));
    const int64_t out = Draw(random, 0, 5);
    return OperatorCase(c.Out(out == 0 ? "x0" : out == 1 ? "x1" : "y"));
  });
}

TEST_F(OperatorShapes, OfMatricesAreCaffe2s) {
  ExpectRun({
      Case("FC").In({2, 3, 4}).In({5, 12}).In({5}).Out(),
      Case("FC").In({2, 3, 4}).In({5, 4}).In({5}).Arg("axis", 2).Out(),
      Case("FC").In({2, 12}).In({5, 3, 4}).In({5}).Out(),
      Case("FC").In({2, 12}).In({5, 2, 12}).In({10}).Arg("axis_w", 2).Out(),
      Case("FCTransposed").In({2, 12}).In({12, 5}).In({5}).Out(),
      Case("MatMul").In({2, 3}).In({3, 4}).Out(),
      Case("MatMul").In({3, 2}).In({4, 3}).Arg("trans_a", 1).Arg("trans_b", 1).Out(),
      Case("MatMul").In({2, 3, 4}).In({4, 5}).Arg("axis_a", 2).Out(),
      Case("BatchMatMul").In({2, 3, 4}).In({2, 4, 5}).Out(),
      Case("BatchMatMul").In({2, 4, 3}).In({2, 5, 4}).Arg("trans_a", 1).Arg("trans_b", 1).Out(),
      Case("BatchMatMul").In({7, 2, 3, 4}).In({1, 4, 5}).Arg("broadcast", 1).Out(),
      Case("BatchMatMul").In({1, 3, 4}).In({4, 5}).Out(),
      Case("BatchMatMul").In({4}).In({4}).Out(),
      Case("BatchMatMul").In({4}).In({2, 4, 5}).Out(),
      Case("BatchMatMul").In({4}).In({2, 5, 4}).Arg("trans_b", 1).Out(),
      Case("BatchMatMul").In({2, 3, 4}).In({4}).Out(),
      Case("SpatialBN")
          .In({2, 3, 4, 4})
          .In({3})
          .In({3})
          .In({3})
          .In({3})
          .Arg("is_test", 1)
          .Out("x0"),
      Case("SpatialBN").In({2, 3}).In({3}).In({3}).In({3}).In({3}).Arg("is_test", 1).Out(),
      Case("SpatialBN")
          .In({2, 4, 4, 3})
          .In({3})
          .In({3})
          .In({3})
          .In({3})
          .Arg("is_test", 1)
          .Text("order", "NHWC")
          .Out(),
      Case("InstanceNorm").In({2, 3, 4, 4}).In({3}).In({3}).Out().Out("mean").Out("rstd"),
      Case("InstanceNorm").In({2, 4, 4, 3}).In({3}).In({3}).Text("order", "NHWC").Out(),
      Case("AffineChannel").In({2, 3, 4, 4}).In({3}).In({3}).Out("x0"),
      Case("ChannelShuffle").In({2, 6, 4, 4}).Arg("group", 3).Out(),
      Case("ChannelShuffle").In({2, 4, 4, 6}).Arg("group", 2).Text("order", "NHWC").Out(),
  });
  ExpectRefused({
      Case("FC").In({2, 12}).In({5, 13}).In({5}).Out(),
      Case("FC").In({2, 12}).In({5, 12}).In({6}).Out(),
      Case("FC").In({2, 12}).In({5, 12}).Out(),
      Case("FC").In({12}).In({5, 12}).In({5}).Out(),
      Case("MatMul").In({2, 3}).In({4, 3}).Out(),
      Case("BatchMatMul").In({7, 2, 3, 4}).In({2, 4, 5}).Out(),
      Case("BatchMatMul").In({3, 3, 4}).In({2, 4, 5}).Arg("broadcast", 1).Out(),
      Case("SpatialBN").In({2, 3, 4, 4}).In({3}).In({3}).In({4}).In({3}).Arg("is_test", 1).Out(),
      Case("InstanceNorm").In({2, 3, 4, 4}).In({4}).In({3}).Out(),
  });
}

TEST_F(OperatorShapes, OfMovedElementsAreCaffe2s) {
  ExpectRun({
      Case("Concat").In({1, 2, 3}).In({1, 5, 3}).Out().Out("split"),
      Case("Concat").In({1, 2, 3}).In({1, 2, 4}).Arg("axis", -1).Out().Out("split"),
      Case("Concat").In({1, 2}).In({1, 2}).Arg("axis", 1).Arg("add_axis", 1).Out().Out("split"),
      Case("Concat").In({1, 2, 3, 4}, kInt).Text("order", "NHWC").Out().Out("split"),
      Case("DepthConcat").In({1, 2, 3}).In({1, 5, 3}).Out().Out("split"),
      Case("Split").In({1, 6, 2}).Arg("axis", 1).Out("a").Out("b").Out("c"),
      Case("Split").In({1, 6, 2}).List("split", {1, 0, 5}).Out("a").Out("b").Out("c"),
      Case("Split").In({3, 2}).Arg("axis", 0).Arg("add_axis", 1).Out("a").Out("b").Out("c"),
      Case("DepthSplit").In({1, 6, 2}).Out("a").Out("b"),
      Case("Reshape").In({2, 3, 4}).List("shape", {0, -1}).Out().Out("old"),
      Case("Reshape").In({2, 3, 4}).List("shape", {4, 6}).Out("x0").Out("old"),
      Case("Reshape").In({0, 3}).List("shape", {-1, 7}).Out().Out("old"),
      Case("Reshape").In({1}).List("shape", {}).Out().Out("old"),
      Case("Flatten").In({2, 3, 4}).Out(),
      Case("Flatten").In({2, 3, 4}).Arg("axis", 0).Out(),
      Case("Flatten").In({2, 3, 4}).Arg("axis", 3).Out(),
      Case("Transpose").In({2, 3, 4}).Out(),
      Case("Transpose").In({2, 3, 4, 5}, kLong).List("axes", {0, 3, 1, 2}).Out(),
      Case("ExpandDims").In({2, 3}).List("dims", {0, 3, 3}).Out(),
      Case("ExpandDims").In({2, 3}, kBool).List("dims", {1}).Out("x0"),
      Case("Squeeze").In({1, 2, 1}).List("dims", {0, 2}).Out("x0"),
      Case("Squeeze").In({1, 1}).List("dims", {1, 0}).Out(),
      Case("NCHW2NHWC").In({2, 3, 4, 5}).Out(),
      Case("NHWC2NCHW").In({2, 3, 4}).Out(),
      Case("Cast").In({2, 3}).Arg("to", 10).Out(),
      Case("Cast").In({2, 3}, kByte).Text("to", "double").Out(),
      Case("Cast").In({2, 3}, kLong).Arg("to", 5).Out(),
      Case("Cast").In({2, 3}, kInt).Out(),
  });
  ExpectRefused({
      Case("Concat").In({1, 2, 3}).In({1, 2, 4}).Out().Out("split"),
      Case("Concat").In({1, 2, 3}).In({1, 2, 3}, kInt).Out().Out("split"),
      Case("Concat").In({1, 2, 3}).In({1, 2, 3}).Out(),
      Case("Concat").In({1, 2}).Arg("axis", 1).Text("order", "NCHW").Out().Out("split"),
      Case("Split").In({1, 5}).Arg("axis", 1).Out("a").Out("b"),
      Case("Split").In({1, 5}).List("split", {2, 2}).Out("a").Out("b"),
      Case("Reshape").In({2, 3}).List("shape", {-1, -1}).Out().Out("old"),
      Case("Reshape").In({2, 3}).List("shape", {4, -1}).Out().Out("old"),
      Case("Reshape").In({2, 3}).List("shape", {7}).Out().Out("old"),
      Case("Reshape").In({2, 3}).Out().Out("old"),
      Case("Flatten").In({2, 3}).Arg("axis", 3).Out(),
      Case("Transpose").In({2, 3}).List("axes", {0, 0}).Out(),
      Case("Transpose").In({2, 3}).List("axes", {0}).Out(),
      Case("Transpose").In({2, 3}, kBool).Out(),
      Case("ExpandDims").In({2, 3}).List("dims", {4}).Out(),
      Case("Squeeze").In({1, 2}).List("dims", {1}).Out(),
      Case("Squeeze").In({1, 2}).List("dims", {2}).Out(),
      Case("Cast").In({2, 3}).Arg("to", 12).Out(),
  });
}

TEST_F(OperatorShapes, OfSelectionsAreCaffe2s) {
  ExpectRun({
      Case("ReduceMean").In({2, 3, 4}).List("axes", {1, 2}).Out(),
      Case("ReduceMean").In({2, 3, 4}).List("axes", {-1}).Arg("keepdims", 0).Out(),
      Case("ReduceSum").In({2, 3, 4}, kInt).Out(),
      Case("ReduceMax").In({2, 3, 4}).Arg("keepdims", 0).Out(),
      Case("ReduceMin").In({2, 3}, kLong).List("axes", {0}).Out(),
      Case("ReduceL1").In({2, 3}).List("axes", {0}).Out(),
      Case("ReduceL2").In({2, 3}).List("axes", {1}).Out(),
      Case("Slice").In({4, 5}).List("starts", {1}).List("ends", {3}).Out(),
      Case("Slice").In({4, 5}).List("starts", {0, 1}).List("ends", {-1, 99}).Out(),
      Case("Slice").In({4, 5}, kInt).List("starts", {0, 2}).List("ends", {-1, -2}).Out(),
      Case("Slice").In({4, 5}).List("starts", {2}).List("ends", {2}).Out(),
      Case("Gather").In({4, 5}).In({2, 3}, kInt).Out(),
      Case("Gather").In({4, 5}).In({7}, kLong).Arg("axis", -1).Out(),
      Case("Gather").In({4, 5}).In({}, kLong).Arg("axis", 1).Out(),
      Case("Tile").In({2, 3}).Arg("tiles", 4).Arg("axis", 1).Out(),
      Case("ResizeNearest")
          .In({1, 2, 4, 5})
          .Float("height_scale", 2)
          .Float("width_scale", 1.5)
          .Out(),
      Case("ResizeNearest").In({1, 4, 5, 2}).Float("height_scale", 0.3).Text("order", "NHWC").Out(),
      Case("UpsampleBilinear")
          .In({1, 2, 4, 5})
          .Float("height_scale", 2.6)
          .Float("width_scale", 2)
          .Out(),
  });
  ExpectRefused({
      Case("ReduceMean").In({2, 3}, kInt).Out(),
      Case("ReduceMean").In({2, 3}).List("axes", {2}).Out(),
      Case("Slice").In({4, 5}).List("starts", {1, 1}).List("ends", {3, 3}).Out(),
      Case("Slice").In({4, 5}).List("starts", {3}).List("ends", {1}).Out(),
      Case("Slice").In({4, 5}).List("starts", {1}).Out(),
      Case("Gather").In({4, 5}).In({2}).Out(),
      Case("Gather").In({4, 5}).In({2}, kInt).Arg("axis", 2).Out(),
      Case("Tile").In({2, 3}).Arg("tiles", 4).Out(),
      Case("ResizeNearest").In({1, 2, 4, 5}).Float("height_scale", -1).Out(),
  });
}

TEST_F(OperatorShapes, OfFillersAreCaffe2s) {
  const auto given = [](const char* type, int count) {
    Case c(type);
    c.List("shape", {count});
    OperatorCase made = c.Out();
    caffe2::Argument* values = made.op.add_arg();
    values->set_name("values");
    const bool floats =
        made.op.type() == "GivenTensorFill" || made.op.type() == "GivenTensorDoubleFill";
    for (int i = 0; i < count; ++i) {
      if (floats) {
        values->add_floats(1);
      } else {
        values->add_ints(1);
      }
    }
    return made;
  };
  const Shape s = {2, 3};
  ExpectRun({
      Case("ConstantFill").List("shape", s).Out(),
      Case("ConstantFill").List("shape", s).Arg("value", 1).Out(),
      Case("ConstantFill").List("shape", s).Arg("dtype", 5).Out(),
      Case("ConstantFill").In(s, kInt).List("extra_shape", {4}).Out(),
      Case("DiagonalFill").List("shape", {3, 3, 3}).Out(),
      Case("GaussianFill").List("shape", s).Out(),
      Case("RangeFill").List("shape", s).Out(),
      Case("UniformFill").List("shape", s).Out(),
      Case("UniformFill").List("shape", {}).Out(),
      Case("UniformIntFill").List("shape", s).Arg("max", 9).Out(),
      Case("XavierFill").List("shape", s).Out(),
      Case("MSRAFill").List("shape", s).Out(),
      given("GivenTensorFill", 3),
      given("GivenTensorDoubleFill", 3),
      given("GivenTensorBoolFill", 3),
      given("GivenTensorIntFill", 3),
      given("GivenTensorInt64Fill", 0),
  });
  OperatorCase wrong = given("GivenTensorFill", 3);
  wrong.op.mutable_arg(0)->set_ints(0, 4);
  ExpectRefused({
      wrong,
      Case("UniformFill").List("shape", s).Float("min", 2).Float("max", 1).Out(),
      Case("ConstantFill").In(s).List("shape", s).Out(),
      Case("ConstantFill").List("shape", s).Arg("dtype", 0).Out(),
      Case("DiagonalFill").List("shape", {3}).Out(),
      Case("ConstantFill").List("shape", {-1}).Out(),
  });
}

// What would crash Caffe2 or make it read beyond its tensors, so that only one side is asked.
TEST_F(OperatorShapes, OfDangerousOperatorsAreRefused) {
  for (const OperatorCase& c : std::vector<OperatorCase>{
           Case("Conv").In({1, 2, 9, 9}).In({3, 2, 3, 3}).Arg("kernel", 3).Arg("stride", 0).Out(),
           Case("Conv").In({1, 2, 9, 9}).In({3, 2, 3, 3}).Arg("kernel", 3).Arg("group", 0).Out(),
           Case("Conv").In({1, 2, 9, 9}).In({0, 2, 3, 3}).Arg("kernel", 3).Out(),
           Case("AveragePool").In({1, 2, 3, 3, 3}).Arg("global_pooling", 1).Out(),
           Case("MaxPool").In({1, 2, 9, 9}).Arg("kernel", 2).Arg("legacy_pad", 7).Out(),
           Case("ConvTranspose")
               .In({1, 2, 3, 3})
               .In({2, 2, 2, 2})
               .Arg("kernel", 2)
               .Arg("adj", 1)
               .Out(),
           Case("PadImage").In({1, 2, 4, 5}).Arg("pad", 4).Text("mode", "reflect").Out(),
           Case("ReduceMean").In({2, 3}).List("axes", {1, 1}).Out(),
           Case("Max").In({2, 3}).In({2}).Out(),
           Case("AffineChannel").In({2, 3, 4, 4}).In({2}).In({3}).Out(),
           Case("XavierFill").List("shape", {0, 3}).Out(),
           Case("MSRAFill").List("shape", {3}).Out(),
           Case("FC").In({2, 0}).In({5, 0}).In({5}).Out(),
           Case("InstanceNorm").In({0, 3, 4}).In({3}).In({3}).Out(),
           Case("BatchMatMul").In({2, 3, 4}).In({3}).Arg("trans_a", 1).Out(),
           Case("ChannelShuffle").In({2, 5, 4, 4}).Arg("group", 3).Out(),
       }) {
    auto inferred = InferOperator(c.op, c.inputs);
    EXPECT_FALSE(inferred.ok()) << TextOf(c);
  }
}

TEST_F(OperatorShapes, ThatDependOnValuesNeedThemKnown) {
  const OperatorCase reshape = Case("Reshape").In({2, 6}).In({2}, kLong).Out().Out("old");
  EXPECT_THAT(InferOperator(reshape.op, reshape.inputs).status().ToString(), HasSubstr("'x1'"));
  EXPECT_EQ(InferOperator(reshape.op, reshape.inputs, {{"x1", {3, 4}}}).value()[0].dims,
            (Shape{3, 4}));
  const OperatorCase split = Case("Split").In({2, 6}).In({2}, kInt).Out("a").Out("b");
  EXPECT_EQ(InferOperator(split.op, split.inputs).status().code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(InferOperator(split.op, split.inputs, {{"x1", {1, 5}}}).value()[1].dims, (Shape{2, 5}));
  const OperatorCase slice = Case("Slice").In({2, 6}).In({2}, kInt).In({2}, kInt).Out();
  EXPECT_EQ(
      InferOperator(slice.op, slice.inputs, {{"x1", {0, 1}}, {"x2", {-1, 4}}}).value()[0].dims,
      (Shape{2, 3}));
  const OperatorCase expand = Case("Expand").In({1, 6}).In({3}, kLong).Out();
  EXPECT_EQ(InferOperator(expand.op, expand.inputs, {{"x1", {4, 5, 6}}}).value()[0].dims,
            (Shape{4, 5, 6}));
}

TEST_F(OperatorShapes, OfBlobsBeyondCaffe2sIndexAreRefused) {
  const int64_t huge = int64_t{1} << 40;
  for (const OperatorCase& c : std::vector<OperatorCase>{
           Case("Relu").In({1, huge}).Out(), Case("Relu").In({huge, huge}).Out(),
           Case("Relu").In({0, huge}).Out(), Case("Relu").In({-1}).Out(),
           Case("ConstantFill").List("shape", {1, huge}).Out(),
           Case("Tile").In({1 << 16}).Arg("tiles", 1 << 16).Arg("axis", 0).Out(),
           Case("Conv").In({1, 64, 4096, 4096}).In({64, 64, 3, 3}).Arg("kernel", 3).Out()}) {
    auto inferred = InferOperator(c.op, c.inputs);
    EXPECT_EQ(inferred.status().code(), absl::StatusCode::kInvalidArgument) << TextOf(c);
    EXPECT_THAT(inferred.status().ToString(), HasSubstr("Caffe2 cannot index"));
  }
}

// Training operators have no place in a predict net, and a few others none in a ConvNet.
bool LeftOut(const std::string& type) {
  static const std::set<std::string> kOthers = {
      "GivenTensorInt16Fill",  // of a type that cannot be sent
      "GivenTensorStringFill", "LengthsRangeFill", "SumReduceLike", "UniqueUniformFill"};
  return type.ends_with("Gradient") || type == "DropoutGrad" || kOthers.contains(type);
}

TEST_F(OperatorShapes, AreKnownForEveryTypeThatTheEnginesHave) {
  const std::vector<std::string> known = KnownOperatorTypes();
  EXPECT_TRUE(std::is_sorted(known.begin(), known.end()));
  EXPECT_EQ(std::adjacent_find(known.begin(), known.end()), known.end());
  const std::set<std::string> table(known.begin(), known.end());
  std::set<std::string> engine;
  for (const std::string& key : caffe2::CPUOperatorRegistry()->Keys()) {
    if (key.find("_ENGINE_") == std::string::npos && !LeftOut(key)) engine.insert(key);
  }
  EXPECT_EQ(table, engine);
}

TEST_F(OperatorShapes, HaveACostForEveryType) {
  for (const std::string& type : KnownOperatorTypes()) {
    OpSpec op;
    op.type = type;
    EXPECT_NE(ComputeOpCost(op).status().code(), absl::StatusCode::kNotFound) << type;
  }
}

}  // namespace
}  // namespace synergy
