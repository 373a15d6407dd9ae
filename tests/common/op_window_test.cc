#include "common/op_window.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace synergy {
namespace {

OpWindow Of(std::string type, std::vector<std::vector<int64_t>> inputs,
            std::map<std::string, std::vector<int64_t>> ints) {
  OpSpec op;
  op.type = std::move(type);
  op.ints = std::move(ints);
  for (auto& dims : inputs) op.inputs.push_back({std::move(dims)});
  return WindowOf(op);
}

TEST(OpWindow, IsWhatTheArgumentsSay) {
  EXPECT_EQ(Of("Conv", {{1, 3, 5, 5}, {8, 3, 3, 3}}, {{"kernel", {3}}}),
            (OpWindow{.taps = 9, .stride = 1, .groups = 1}));
  EXPECT_EQ(Of("Conv", {{1, 8, 9, 9}, {8, 1, 3, 5}}, {{"stride", {2}}, {"group", {8}}}),
            (OpWindow{.taps = 15, .stride = 2, .groups = 8}));
  EXPECT_EQ(Of("MaxPool", {{1, 8, 13, 13}}, {{"kernel", {3}}, {"strides", {2, 2}}}),
            (OpWindow{.taps = 9, .stride = 2, .groups = 1}));
  EXPECT_EQ(Of("AveragePool", {{1, 8, 13, 13}}, {{"global_pooling", {1}}}),
            (OpWindow{.taps = 169, .stride = 1, .groups = 1}));
}

TEST(OpWindow, IsOneOfWhatHasNone) {
  EXPECT_EQ(Of("Relu", {{1, 8, 13, 13}}, {}), OpWindow{});
  EXPECT_EQ(Of("FC", {{1, 8}, {10, 8}}, {}), OpWindow{});
  EXPECT_EQ(Of("Conv", {{1, 8}, {8, 8, 3, 3}}, {}), OpWindow{});
  EXPECT_EQ(Of("MaxPool", {}, {}), OpWindow{});
}

}  // namespace
}  // namespace synergy
