#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "client/models/fillers.h"
#include "client/models/operator_shapes.h"
#include "client/models/zoo.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {

// Found by GoogleTest through the type's namespace.
void PrintTo(const ZooEntry& entry, std::ostream* out) { *out << entry.name; }

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// "name 1x3x8x8", for comparison.
std::vector<std::string> Texts(const std::vector<BlobShape>& blobs) {
  std::vector<std::string> texts;
  for (const BlobShape& blob : blobs) texts.push_back(blob.blob + ' ' + FormatShape(blob.dims));
  return texts;
}

// data 1x3x8x8 -> conv -> relu in place -> fc, with weights from fillers.
Model SmallModel() {
  Model model;
  model.name = "small";
  model.inputs = {{"data", {1, 3, 8, 8}}};
  model.outputs = {"y"};
  *model.init.add_op() = UniformFiller("w", {4, 3, 3, 3}, -1, 1, 1);
  *model.init.add_op() = ConstantFiller("b", {4}, 0);
  *model.init.add_op() = UniformFiller("fw", {10, 4 * 6 * 6}, -1, 1, 1);
  *model.init.add_op() = ConstantFiller("fb", {10}, 0);
  const auto add = [&](const char* type, const char* name, std::vector<const char*> in,
                       const char* out) {
    caffe2::OperatorDef* op = model.predict.add_op();
    op->set_type(type);
    op->set_name(name);
    for (const char* blob : in) op->add_input(blob);
    op->add_output(out);
    return op;
  };
  AddIntArg(*add("Conv", "conv", {"data", "w", "b"}, "c"), "kernel", 3);
  add("Relu", "relu", {"c"}, "c");
  add("FC", "fc", {"c", "fw", "fb"}, "y");
  return model;
}

std::string ErrorOf(const std::function<void(Model*)>& spoil) {
  Model model = SmallModel();
  spoil(&model);
  const absl::Status status = CompleteModel(&model);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return status.ToString();
}

TEST(CompleteModel, FindsShapesCostsAndMemoryOfAllOperators) {
  Model model = SmallModel();
  ASSERT_TRUE(CompleteModel(&model).ok());
  ASSERT_EQ(model.layers.size(), 3u);
  EXPECT_EQ(model.layers[0].outputs[0].dims, (std::vector<int64_t>{1, 4, 6, 6}));
  EXPECT_EQ(model.layers[2].outputs[0].dims, (std::vector<int64_t>{1, 10}));
  EXPECT_EQ(model.total.macs, 4 * 36 * 27 + 144 * 10);
  EXPECT_EQ(model.macs_by_type.at("FC"), 1440);
  EXPECT_EQ(model.total.params, 4 * 27 + 4 + 1440 + 10);
  EXPECT_EQ(model.activation_bytes, 4 * (192 + 144 + 10));
  EXPECT_EQ(model.peak_activation_bytes, 4 * (192 + 144));
}

TEST(CompleteModel, TakesWeightsFromMemoryAsFromFillers) {
  Model model = SmallModel();
  Model packed = SmallModel();
  packed.init.mutable_op()->RemoveLast();
  const std::string zeros(40, '\0');
  packed.weights = {{"fb", v1::DATA_TYPE_FLOAT32, {10}, zeros}};
  ASSERT_TRUE(CompleteModel(&model).ok());
  ASSERT_TRUE(CompleteModel(&packed).ok());
  EXPECT_EQ(packed.total, model.total);
}

TEST(CompleteModel, ShapesMayComeFromIntegersThatAreKnownBeforehand) {
  Model model = SmallModel();
  caffe2::OperatorDef* op = model.predict.add_op();
  op->set_type("Reshape");
  for (const char* blob : {"y", "shape"}) op->add_input(blob);
  for (const char* blob : {"z", "old"}) op->add_output(blob);
  const int64_t shape[] = {5, -1};
  model.weights = {
      {"shape", v1::DATA_TYPE_INT64, {2}, {reinterpret_cast<const char*>(shape), sizeof(shape)}}};
  const absl::Status status = CompleteModel(&model);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(model.layers[3].outputs[0].dims, (std::vector<int64_t>{5, 2}));
}

TEST(CompleteModel, DanglingBlobIsNamedWithItsReader) {
  EXPECT_THAT(ErrorOf([](Model* m) { m->predict.mutable_op(2)->set_input(0, "nobody"); }),
              AllOf(HasSubstr("'nobody'"), HasSubstr("operator 3 'fc'"), HasSubstr("no operator")));
}

TEST(CompleteModel, CycleIsNamedWithBothItsEnds) {
  EXPECT_THAT(ErrorOf([](Model* m) { m->predict.mutable_op(0)->set_input(0, "y"); }),
              AllOf(HasSubstr("'y'"), HasSubstr("operator 3 'fc'"), HasSubstr("cycle")));
}

TEST(CompleteModel, OperatorThatReadsItsOwnOutputIsACycle) {
  EXPECT_THAT(ErrorOf([](Model* m) { m->predict.mutable_op(2)->set_input(0, "y"); }),
              HasSubstr("cycle"));
}

TEST(CompleteModel, EveryBlobIsThereOnce) {
  EXPECT_THAT(ErrorOf([](Model* m) { m->inputs.push_back({"w", {1}}); }), HasSubstr("'w'"));
  EXPECT_THAT(ErrorOf([](Model* m) {
                m->weights = {{"b", v1::DATA_TYPE_FLOAT32, {1}, std::string_view("abcd")}};
              }),
              HasSubstr("'b'"));
  EXPECT_THAT(ErrorOf([](Model* m) { m->inputs.push_back({"data", {1}}); }), HasSubstr("'data'"));
  EXPECT_THAT(ErrorOf([](Model* m) { m->outputs.push_back("y"); }), HasSubstr("twice"));
}

TEST(CompleteModel, OutputsExist) {
  EXPECT_THAT(ErrorOf([](Model* m) { m->outputs = {"z"}; }), HasSubstr("'z'"));
  EXPECT_THAT(ErrorOf([](Model* m) { m->outputs.clear(); }), HasSubstr("no output"));
}

TEST(CompleteModel, NetWithoutOperatorsIsRefused) {
  EXPECT_THAT(ErrorOf([](Model* m) { m->predict.clear_op(); }), HasSubstr("no operators"));
}

TEST(CompleteModel, ShapesThatDoNotFitAreNamedWithTheOperator) {
  EXPECT_THAT(ErrorOf([](Model* m) {
                m->inputs[0].dims = {1, 4, 8, 8};
              }),
              AllOf(HasSubstr("operator 1"), HasSubstr("'conv'"), HasSubstr("4 channels")));
}

TEST(CompleteModel, AbsurdDimensionsAreRefused) {
  EXPECT_THAT(ErrorOf([](Model* m) {
                m->inputs[0].dims = {1, 3, int64_t{1} << 40, 8};
              }),
              HasSubstr("1x3x1099511627776x8"));
  EXPECT_THAT(ErrorOf([](Model* m) { m->inputs[0].dims = {1, -3, 8, 8}; }), HasSubstr("negative"));
}

TEST(CompleteModel, WeightWithTooFewBytesIsRefused) {
  EXPECT_THAT(ErrorOf([](Model* m) {
                m->init.mutable_op()->RemoveLast();
                m->weights = {{"fb", v1::DATA_TYPE_FLOAT32, {10}, std::string_view("abcd")}};
              }),
              AllOf(HasSubstr("'fb'"), HasSubstr("4 bytes")));
}

TEST(CompleteModel, UnknownOperatorIsNotFoundWithTheNearestName) {
  Model model = SmallModel();
  model.predict.mutable_op(1)->set_type("ReLU6x");
  EXPECT_EQ(CompleteModel(&model).code(), absl::StatusCode::kNotFound);
  model.predict.mutable_op(1)->set_type("Rellu");
  EXPECT_THAT(CompleteModel(&model).ToString(),
              AllOf(HasSubstr("operator 2"), HasSubstr("'Rellu'"), HasSubstr("'Relu'")));
}

class CompleteZoo : public ::testing::TestWithParam<ZooEntry> {};
INSTANTIATE_TEST_SUITE_P(Zoo, CompleteZoo, ::testing::ValuesIn(Zoo()),
                         [](const auto& entry) { return "n" + std::to_string(entry.index); });

TEST_P(CompleteZoo, NetsReadBackHaveTheShapesAndCostsThatTheBuilderFound) {
  const Model built = GetParam().build(1, 5).value();
  Model read = built;
  read.layers.clear();
  const absl::Status status = CompleteModel(&read);
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(read.layers.size(), built.layers.size());
  for (size_t i = 0; i < read.layers.size(); ++i) {
    EXPECT_EQ(Texts(read.layers[i].outputs), Texts(built.layers[i].outputs));
    EXPECT_EQ(Texts(read.layers[i].inputs), Texts(built.layers[i].inputs));
  }
  EXPECT_EQ(read.total, built.total);
  EXPECT_EQ(read.macs_by_type, built.macs_by_type);
  EXPECT_EQ(read.activation_bytes, built.activation_bytes);
  EXPECT_EQ(read.peak_activation_bytes, built.peak_activation_bytes);
}

}  // namespace
}  // namespace synergy
