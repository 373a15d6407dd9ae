// The computed memory against what Caffe2 really allocates.

#include "client/models/memory.h"

#include <c10/core/CPUAllocator.h>
#include <caffe2/core/init.h>
#include <caffe2/core/workspace.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "client/models/operator_shapes.h"
#include "client/models/zoo.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/models/operator_cases.h"
#include "tests/client/models/small_nets.h"

namespace synergy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Counts what Caffe2's tensors hold.
class CountingAllocator : public at::Allocator {
 public:
  at::DataPtr allocate(size_t bytes) const override {
    now_ += static_cast<int64_t>(bytes);
    peak_ = std::max(peak_, now_);
    void* memory = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
    return {memory, new Block{memory, bytes}, &Free, at::Device(at::kCPU)};
  }
  at::DeleterFnPtr raw_deleter() const override { return nullptr; }

  static int64_t now_;
  static int64_t peak_;

 private:
  struct Block {
    void* memory;
    size_t bytes;
  };
  static void Free(void* block) {
    auto* freed = static_cast<Block*>(block);
    now_ -= static_cast<int64_t>(freed->bytes);
    std::free(freed->memory);
    delete freed;
  }
};
int64_t CountingAllocator::now_ = 0;
int64_t CountingAllocator::peak_ = 0;

class RunMemoryTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    int argc = 1;
    std::string name = "memory_test";
    char* args[] = {name.data(), nullptr};
    char** argv = args;
    ASSERT_TRUE(caffe2::GlobalInit(&argc, &argv));
    static CountingAllocator allocator;
    c10::SetCPUAllocator(&allocator, 100);
  }

  // The most that Caffe2's tensors hold while the model runs twice.
  static int64_t Peak(const Model& model) {
    CountingAllocator::peak_ = CountingAllocator::now_ = 0;
    caffe2::Workspace workspace;
    EXPECT_TRUE(workspace.RunNetOnce(model.init));
    for (const BlobShape& input : model.inputs) {
      caffe2::Tensor* tensor = caffe2::BlobGetMutableTensor(workspace.CreateBlob(input.blob),
                                                            input.dims, at::dtype<float>());
      std::fill_n(tensor->mutable_data<float>(), tensor->numel(), 0.5f);
    }
    caffe2::NetBase* net = workspace.CreateNet(model.predict);
    EXPECT_TRUE(net->Run());
    EXPECT_TRUE(net->Run());
    return CountingAllocator::peak_;
  }
};

TEST_F(RunMemoryTest, IsWhatCaffe2AllocatesForNetworksOfTheZoo) {
  for (const ZooEntry& entry : Zoo()) {
    const Model model = entry.build(1, 5).value();
    if (model.total.macs > 1'000'000'000) continue;  // quick ones
    const double computed = static_cast<double>(MeasureRunMemory(model).value().total_bytes);
    const double real = static_cast<double>(Peak(model));
    EXPECT_GE(computed, 0.99 * real) << entry.name;
    EXPECT_LE(computed, 1.05 * real) << entry.name;
  }
}

// One operator of each kind that keeps memory, alone in a net.
TEST_F(RunMemoryTest, IsWhatCaffe2AllocatesForOperatorsWithMemoryOfTheirOwn) {
  for (const OperatorCase& c : std::vector<OperatorCase>{
           Case("Conv").In({2, 8, 40, 40}).In({16, 8, 3, 3}).In({16}).Arg("kernel", 3).Out(),
           Case("Conv").In({2, 8, 40, 40}).In({16, 2, 3, 3}).Arg("kernel", 3).Arg("group", 4).Out(),
           Case("Conv").In({2, 8, 40, 40}).In({16, 8, 1, 1}).In({16}).Arg("kernel", 1).Out(),
           Case("Conv")
               .In({2, 8, 40, 40})
               .In({16, 8, 1, 1})
               .Arg("kernel", 1)
               .Arg("stride", 2)
               .Out(),
           Case("Conv").In({2, 8, 40, 40}).In({16, 8, 1, 1}).Arg("kernel", 1).Arg("pad", 1).Out(),
           Case("Conv")
               .In({2, 40, 40, 8})
               .In({16, 3, 3, 8})
               .Arg("kernel", 3)
               .Text("order", "NHWC")
               .Out(),
           Case("ConvTranspose")
               .In({2, 8, 20, 20})
               .In({8, 16, 4, 4})
               .In({16})
               .Arg("kernel", 4)
               .Arg("stride", 2)
               .Out(),
           Case("LRN").In({2, 16, 40, 40}).Arg("size", 5).Float("alpha", 1).Float("beta", 1).Out(),
           Case("FC").In({64, 128}).In({256, 128}).In({256}).Out(),
           Case("MaxPool").In({2, 16, 40, 40}).Arg("kernel", 2).Out(),
       }) {
    Model model;
    model.name = "one";
    model.predict.set_name("one");
    model.init.set_name("one_init");
    *model.predict.add_op() = c.op;
    model.inputs = c.inputs;
    model.outputs = {"y"};
    for (const BlobShape& input : c.inputs) model.predict.add_external_input(input.blob);
    ASSERT_TRUE(CompleteModel(&model).ok()) << c.op.ShortDebugString();
    const double computed = static_cast<double>(MeasureRunMemory(model).value().total_bytes);
    const double real = static_cast<double>(Peak(model));
    EXPECT_NEAR(computed, real, 0.02 * real + 256) << c.op.ShortDebugString();
  }
}

TEST(CheckMemory, RefusesWithFiguresWhatDoesNotFit) {
  Model model = FindModel("alexnet").value()->build(1, 5).value();
  EXPECT_TRUE(CheckMemory(model, 0).ok());
  EXPECT_TRUE(CheckMemory(model, uint64_t{4} << 30).ok());
  const absl::Status status = CheckMemory(model, uint64_t{300} << 20);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.ToString(), AllOf(HasSubstr("alexnet"), HasSubstr("244 MB of weights"),
                                       HasSubstr("315 MB"), HasSubstr("smaller batch")));
  EXPECT_FALSE(CheckMemory(model, 1).ok());
}

TEST(CheckMemory, CountsTheBatch) {
  const ZooEntry* entry = FindModel("alexnet").value();
  const uint64_t need =
      static_cast<uint64_t>(MeasureRunMemory(entry->build(1, 5).value()).value().total_bytes);
  const uint64_t board = need + kReservedMemoryBytes;
  EXPECT_TRUE(CheckMemory(entry->build(1, 5).value(), board).ok());
  EXPECT_FALSE(CheckMemory(entry->build(64, 5).value(), board).ok());
}

TEST(CheckMemory, TakesABlobThatGrowsAtItsLargest) {
  Model model;
  model.name = "grows";
  model.inputs = {{"x", {1, 2, 4, 4}}};
  model.outputs = {"y"};
  model.predict.add_external_input("x");
  AddOperator(&model.predict, "Relu", "a", {"x"}, {"t"});
  AddIntArg(*AddOperator(&model.predict, "PadImage", "b", {"x"}, {"t"}), "pad", 8);
  AddOperator(&model.predict, "Relu", "c", {"t"}, {"y"});
  ASSERT_TRUE(CompleteModel(&model).ok());
  EXPECT_EQ(model.activation_bytes, 4 * (32 + 2 * (2 * 20 * 20)));
}

}  // namespace
}  // namespace synergy
