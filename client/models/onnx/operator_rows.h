#pragma once

#include "client/models/onnx/node_conversion.h"

// What each ONNX operator becomes in Caffe2: a function per operator, and per opset range where its
// meaning changed. They are called by the rows of operator_table.cc, which has checked the number
// of inputs and outputs.
namespace synergy {

// Windows over images (convolution_operators.cc, pool_operators.cc).
void ConvertConv(NodeConversion& node);
void ConvertConvTranspose(NodeConversion& node);
void ConvertMaxPool(NodeConversion& node);
void ConvertAveragePool(NodeConversion& node);
void ConvertGlobalAveragePool(NodeConversion& node);
void ConvertGlobalMaxPool(NodeConversion& node);

// Normalisation (normalization_operators.cc).
void ConvertBatchNormalization(NodeConversion& node);
void ConvertInstanceNormalization(NodeConversion& node);
void ConvertLrn(NodeConversion& node);
void ConvertSoftmaxOfRows(NodeConversion& node);     // up to opset 12: of the 2-D matrix at `axis`
void ConvertSoftmaxAlongAxis(NodeConversion& node);  // from opset 13

// Products (matrix_operators.cc).
void ConvertGemm(NodeConversion& node);
void ConvertMatMul(NodeConversion& node);

// Activation functions (activation_operators.cc).
void ConvertLeakyRelu(NodeConversion& node);
void ConvertElu(NodeConversion& node);
void ConvertHardSigmoid(NodeConversion& node);
void ConvertHardSwish(NodeConversion& node);
void ConvertSoftplus(NodeConversion& node);
void ConvertPReluPerChannel(NodeConversion& node);  // up to opset 6
void ConvertPRelu(NodeConversion& node);
void ConvertClipByAttributes(NodeConversion& node);  // up to opset 10
void ConvertClipByInputs(NodeConversion& node);

// Arithmetic, element by element (arithmetic_operators.cc).
void ConvertUnary(NodeConversion& node);             // Caffe2 has the same operator
void ConvertArithmeticByAxis(NodeConversion& node);  // up to opset 6: `broadcast` and `axis`
void ConvertArithmetic(NodeConversion& node);        // numpy's broadcasting
void ConvertPow(NodeConversion& node);
void ConvertVariadic(NodeConversion& node);  // Sum, Max, Min, Mean

// What hands its input on (identity_operators.cc).
void ConvertCast(NodeConversion& node);
void ConvertIdentity(NodeConversion& node);
void ConvertDropout(NodeConversion& node);

// The same elements in another shape or order (layout_operators.cc).
void ConvertReshapeByAttribute(NodeConversion& node);  // up to opset 4
void ConvertReshape(NodeConversion& node);
void ConvertFlatten(NodeConversion& node);
void ConvertSqueeze(NodeConversion& node);
void ConvertUnsqueeze(NodeConversion& node);
void ConvertTranspose(NodeConversion& node);

// Joining, parting, repeating and reducing along axes (axis_operators.cc).
void ConvertConcat(NodeConversion& node);
void ConvertSplit(NodeConversion& node);
void ConvertExpand(NodeConversion& node);
void ConvertTile(NodeConversion& node);
void ConvertReduce(NodeConversion& node);

// Choosing elements (slice_operators.cc, pad_operators.cc, resize_operators.cc).
void ConvertSliceByAttributes(NodeConversion& node);  // up to opset 9
void ConvertSlice(NodeConversion& node);
void ConvertGather(NodeConversion& node);
void ConvertPadByAttributes(NodeConversion& node);  // up to opset 10
void ConvertPad(NodeConversion& node);
void ConvertUpsample(NodeConversion& node);
void ConvertResizeByScales(NodeConversion& node);  // opset 10
void ConvertResize(NodeConversion& node);

// Values known beforehand (constant_operators.cc).
void ConvertConstant(NodeConversion& node);
void ConvertShape(NodeConversion& node);
void ConvertSize(NodeConversion& node);
void ConvertConstantOfShape(NodeConversion& node);
void ConvertRange(NodeConversion& node);
void ConvertEqual(NodeConversion& node);
void ConvertWhere(NodeConversion& node);

}  // namespace synergy
