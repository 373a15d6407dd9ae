#include "client/models/onnx/operator_table.h"

#include <algorithm>
#include <set>

#include "client/models/onnx/operator_rows.h"

namespace synergy {
namespace {

constexpr int64_t kNow = kNewestOpset;

// From ONNX's operator changelog (docs/Changelog.md of ONNX 1.12).
constexpr OnnxOperatorRow kRows[] = {
    // type, since, until, inputs from, to, outputs to, function
    {"Abs", 1, kNow, 1, 1, 1, ConvertUnary},
    {"Add", 1, 6, 2, 2, 1, ConvertArithmeticByAxis},
    {"Add", 7, kNow, 2, 2, 1, ConvertArithmetic},
    {"AveragePool", 1, kNow, 1, 1, 1, ConvertAveragePool},
    {"BatchNormalization", 1, kNow, 5, 5, 5, ConvertBatchNormalization},
    {"Cast", 6, kNow, 1, 1, 1, ConvertCast},
    {"Ceil", 1, kNow, 1, 1, 1, ConvertUnary},
    {"Clip", 1, 10, 1, 1, 1, ConvertClipByAttributes},
    {"Clip", 11, kNow, 1, 3, 1, ConvertClipByInputs},
    {"Concat", 1, kNow, 1, kAnyNumber, 1, ConvertConcat},
    {"Constant", 1, kNow, 0, 0, 1, ConvertConstant},
    {"ConstantOfShape", 9, kNow, 1, 1, 1, ConvertConstantOfShape},
    {"Conv", 1, kNow, 2, 3, 1, ConvertConv},
    {"ConvTranspose", 1, kNow, 2, 3, 1, ConvertConvTranspose},
    {"Div", 1, 6, 2, 2, 1, ConvertArithmeticByAxis},
    {"Div", 7, kNow, 2, 2, 1, ConvertArithmetic},
    {"Dropout", 1, 11, 1, 1, 2, ConvertDropout},
    {"Dropout", 12, kNow, 1, 3, 2, ConvertDropout},
    {"Elu", 1, kNow, 1, 1, 1, ConvertElu},
    {"Equal", 7, kNow, 2, 2, 1, ConvertEqual},
    {"Exp", 1, kNow, 1, 1, 1, ConvertUnary},
    {"Expand", 8, kNow, 2, 2, 1, ConvertExpand},
    {"Flatten", 1, kNow, 1, 1, 1, ConvertFlatten},
    {"Floor", 1, kNow, 1, 1, 1, ConvertUnary},
    {"Gather", 1, kNow, 2, 2, 1, ConvertGather},
    {"Gemm", 1, 10, 3, 3, 1, ConvertGemm},
    {"Gemm", 11, kNow, 2, 3, 1, ConvertGemm},
    {"GlobalAveragePool", 1, kNow, 1, 1, 1, ConvertGlobalAveragePool},
    {"GlobalMaxPool", 1, kNow, 1, 1, 1, ConvertGlobalMaxPool},
    {"HardSigmoid", 1, kNow, 1, 1, 1, ConvertHardSigmoid},
    {"HardSwish", 14, kNow, 1, 1, 1, ConvertHardSwish},
    {"Identity", 1, kNow, 1, 1, 1, ConvertIdentity},
    {"InstanceNormalization", 1, kNow, 3, 3, 1, ConvertInstanceNormalization},
    {"LRN", 1, kNow, 1, 1, 1, ConvertLrn},
    {"LeakyRelu", 1, kNow, 1, 1, 1, ConvertLeakyRelu},
    {"Log", 1, kNow, 1, 1, 1, ConvertUnary},
    {"MatMul", 1, kNow, 2, 2, 1, ConvertMatMul},
    {"Max", 1, kNow, 1, kAnyNumber, 1, ConvertVariadic},
    {"MaxPool", 1, kNow, 1, 1, 2, ConvertMaxPool},
    {"Mean", 1, kNow, 1, kAnyNumber, 1, ConvertVariadic},
    {"Min", 1, kNow, 1, kAnyNumber, 1, ConvertVariadic},
    {"Mul", 1, 6, 2, 2, 1, ConvertArithmeticByAxis},
    {"Mul", 7, kNow, 2, 2, 1, ConvertArithmetic},
    {"Neg", 1, kNow, 1, 1, 1, ConvertUnary},
    {"PRelu", 1, 6, 2, 2, 1, ConvertPReluPerChannel},
    {"PRelu", 7, kNow, 2, 2, 1, ConvertPRelu},
    {"Pad", 1, 10, 1, 1, 1, ConvertPadByAttributes},
    {"Pad", 11, kNow, 2, 3, 1, ConvertPad},
    {"Pow", 1, 6, 2, 2, 1, ConvertArithmeticByAxis},
    {"Pow", 7, kNow, 2, 2, 1, ConvertPow},
    {"Range", 11, kNow, 3, 3, 1, ConvertRange},
    {"Reciprocal", 1, kNow, 1, 1, 1, ConvertUnary},
    {"ReduceL1", 1, kNow, 1, 1, 1, ConvertReduce},
    {"ReduceL2", 1, kNow, 1, 1, 1, ConvertReduce},
    {"ReduceMax", 1, kNow, 1, 1, 1, ConvertReduce},
    {"ReduceMean", 1, kNow, 1, 1, 1, ConvertReduce},
    {"ReduceMin", 1, kNow, 1, 1, 1, ConvertReduce},
    {"ReduceSum", 1, 12, 1, 1, 1, ConvertReduce},
    {"ReduceSum", 13, kNow, 1, 2, 1, ConvertReduce},
    {"Relu", 1, kNow, 1, 1, 1, ConvertUnary},
    {"Reshape", 1, 4, 1, 1, 1, ConvertReshapeByAttribute},
    {"Reshape", 5, kNow, 2, 2, 1, ConvertReshape},
    {"Resize", 10, 10, 2, 2, 1, ConvertResizeByScales},
    {"Resize", 11, kNow, 1, 4, 1, ConvertResize},
    {"Shape", 1, kNow, 1, 1, 1, ConvertShape},
    {"Sigmoid", 1, kNow, 1, 1, 1, ConvertUnary},
    {"Size", 1, kNow, 1, 1, 1, ConvertSize},
    {"Slice", 1, 9, 1, 1, 1, ConvertSliceByAttributes},
    {"Slice", 10, kNow, 3, 5, 1, ConvertSlice},
    {"Softmax", 1, 12, 1, 1, 1, ConvertSoftmaxOfRows},
    {"Softmax", 13, kNow, 1, 1, 1, ConvertSoftmaxAlongAxis},
    {"Softplus", 1, kNow, 1, 1, 1, ConvertSoftplus},
    {"Softsign", 1, kNow, 1, 1, 1, ConvertUnary},
    {"Split", 2, 12, 1, 1, kAnyNumber, ConvertSplit},
    {"Split", 13, kNow, 1, 2, kAnyNumber, ConvertSplit},
    {"Sqrt", 1, kNow, 1, 1, 1, ConvertUnary},
    {"Squeeze", 1, 12, 1, 1, 1, ConvertSqueeze},
    {"Squeeze", 13, kNow, 1, 2, 1, ConvertSqueeze},
    {"Sub", 1, 6, 2, 2, 1, ConvertArithmeticByAxis},
    {"Sub", 7, kNow, 2, 2, 1, ConvertArithmetic},
    {"Sum", 1, kNow, 1, kAnyNumber, 1, ConvertVariadic},
    {"Tanh", 1, kNow, 1, 1, 1, ConvertUnary},
    {"Tile", 6, kNow, 2, 2, 1, ConvertTile},
    {"Transpose", 1, kNow, 1, 1, 1, ConvertTranspose},
    {"Unsqueeze", 1, 12, 1, 1, 1, ConvertUnsqueeze},
    {"Unsqueeze", 13, kNow, 2, 2, 1, ConvertUnsqueeze},
    {"Upsample", 1, 8, 1, 1, 1, ConvertUpsample},
    {"Upsample", 9, 9, 2, 2, 1, ConvertUpsample},
    {"Where", 9, kNow, 3, 3, 1, ConvertWhere},
};

}  // namespace

std::span<const OnnxOperatorRow> OnnxOperators() { return kRows; }

const OnnxOperatorRow* FindOnnxOperator(std::string_view type, int64_t opset) {
  for (const OnnxOperatorRow& row : kRows) {
    if (row.type == type && opset >= row.since && opset <= row.until) return &row;
  }
  return nullptr;
}

std::vector<std::string> OnnxOperatorTypes() {
  std::set<std::string> types;
  for (const OnnxOperatorRow& row : kRows) types.emplace(row.type);
  return {types.begin(), types.end()};
}

}  // namespace synergy
