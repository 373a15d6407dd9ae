// Writes the seeds of netdef_fuzz into a folder: write_netdef_corpus tests/fuzz/corpus/netdef_fuzz

#include <google/protobuf/text_format.h>

#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "tests/client/models/operator_cases.h"
#include "tests/client/models/small_nets.h"

namespace {

using synergy::Case;
using synergy::OperatorCase;

// A net of one operator that reads "data" and weights of the small init net where they are asked
// for by their shapes.
caffe2::NetDef NetOf(const OperatorCase& c) {
  caffe2::NetDef net;
  *net.add_op() = c.op;
  net.mutable_op(0)->set_input(0, "data");
  for (int i = 1; i < c.op.input_size(); ++i) net.mutable_op(0)->set_input(i, i == 1 ? "w" : "b");
  return net;
}

const std::vector<OperatorCase> kCases = {
    Case("ConvTranspose")
        .In({})
        .In({})
        .In({})
        .List("kernels", {3, 3})
        .Arg("adj", 1)
        .Arg("stride", 2)
        .Out(),
    Case("AveragePool").In({}).Arg("kernel", 3).Arg("pad", 1).Arg("legacy_pad", 3).Out(),
    Case("MaxPool").In({}).Arg("global_pooling", 1).Text("order", "NHWC").Out(),
    Case("PadImage").In({}).List("pads", {1, 2, 1, 2}).Text("mode", "reflect").Out(),
    Case("LRN").In({}).Arg("size", 3).Float("alpha", 1).Out().Out("scale"),
    Case("Concat").In({}).In({}).Arg("axis", 1).Arg("add_axis", 1).Out().Out("split"),
    Case("Split").In({}).List("split", {1, 2}).Out("a").Out("b"),
    Case("Reshape").In({}).List("shape", {0, -1}).Out().Out("old"),
    Case("Transpose").In({}).List("axes", {0, 2, 3, 1}).Out(),
    Case("ExpandDims").In({}).List("dims", {0, 3}).Out(),
    Case("Slice").In({}).List("starts", {0, 1}).List("ends", {-1, 2}).Out(),
    Case("ReduceMean").In({}).List("axes", {2, 3}).Arg("keepdims", 0).Out(),
    Case("Tile").In({}).Arg("tiles", 2).Arg("axis", 1).Out(),
    Case("ResizeNearest").In({}).Float("height_scale", 2).Float("width_scale", 1.5).Out(),
    Case("Add").In({}).In({}).Arg("broadcast", 1).Arg("axis", 1).Out(),
    Case("BatchMatMul").In({}).In({}).Arg("trans_b", 1).Arg("broadcast", 1).Out(),
    Case("Cast").In({}).Text("to", "int64").Out(),
    Case("Dropout").In({}).Arg("is_test", 1).Out().Out("mask"),
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: write_netdef_corpus FOLDER\n";
    return 2;
  }
  const auto write = [&](const std::string& name, const std::string& bytes) {
    std::ofstream(std::string(argv[1]) + "/" + name, std::ios::binary) << bytes;
  };
  write("predict.pb", synergy::SmallPredictNet().SerializeAsString());
  write("init.pb", synergy::SmallInitNet().SerializeAsString());
  write("tensors.pb", synergy::SmallTensors().SerializeAsString());
  std::string text;
  google::protobuf::TextFormat::PrintToString(synergy::SmallPredictNet(), &text);
  write("predict.pbtxt", text);
  for (const OperatorCase& c : kCases) write(c.op.type() + ".pb", NetOf(c).SerializeAsString());
}
