#include "client/traces/operator_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace synergy {
namespace {

using testing::HasSubstr;

v1::OperatorInfo Operator(uint32_t index, const std::string& name) {
  v1::OperatorInfo op;
  op.set_index(index);
  op.set_name(name);
  op.set_type("Conv");
  op.set_engine("NNPACK");
  v1::TensorShape* input = op.add_inputs();
  input->set_blob("a b:c\\" + name.substr(0, 20));
  for (const int64_t dim : {1, 3, 227, 227}) input->add_dims(dim);
  op.add_inputs()->set_blob("scalar");
  op.add_outputs()->add_dims(7);
  op.set_has_cost(true);
  op.set_macs(int64_t{1} << 60);
  op.set_cost_source("caffe2");
  return op;
}

std::string Rows(const v1::OperatorTable& table) {
  std::string text = "# a comment\n" + OperatorHeaderLine();
  for (const v1::OperatorInfo& op : table.operators()) AppendOperatorLine(op, &text);
  return text;
}

TEST(OperatorRows, EveryOperatorComesBackAsItWasWhateverItsName) {
  v1::OperatorTable table;
  for (const std::string& name :
       {std::string("conv1"), std::string("a,\"b\"\n\r\tc\\x41\\"),
        std::string("\xD7\xA9\xE2\x80\xAE"), std::string("\xC2\x85 \x7F\x01 "),
        std::string(10'000, 'n'), std::string(), std::string(" x "), std::string("#"),
        std::string("=1+1"), std::string("-a")}) {
    *table.add_operators() = Operator(static_cast<uint32_t>(table.operators_size()), name);
  }
  table.mutable_operators(3)->clear_has_cost();
  table.mutable_operators(3)->clear_macs();
  EXPECT_THAT(Rows(table), HasSubstr("\n8,\\x3d1+1,"));
  const auto parsed = ParseOperators(Rows(table), "operators.csv");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ASSERT_EQ(parsed->operators_size(), table.operators_size());
  for (int i = 0; i < table.operators_size(); ++i) {
    EXPECT_EQ(parsed->operators(i).SerializeAsString(), table.operators(i).SerializeAsString())
        << table.operators(i).ShortDebugString().substr(0, 200);
  }
}

TEST(OperatorRows, WhatIsWrongIsToldWithItsLine) {
  const std::string header = "index,name,type,inputs,macs\n";
  const auto error = [&](const std::string& rows) {
    return ParseOperators(header + rows, "o.csv").status().ToString();
  };
  EXPECT_THAT(error("0,a,T,,\n0,b,T,,\n"), HasSubstr("o.csv:3: the operator 0 is there twice"));
  EXPECT_THAT(error("0,a\\n,T,,\n"), HasSubstr("o.csv:2: name has a backslash"));
  EXPECT_THAT(error("0,a\\x4,T,,\n"), HasSubstr("o.csv:2: name has a backslash"));
  EXPECT_THAT(error("0,\xFF,T,,\n"), HasSubstr("no printable UTF-8"));
  EXPECT_THAT(error("0,a,T,1x2,\n"), HasSubstr("'1x2' is no shape"));
  EXPECT_THAT(error("0,a,T,b:1xy,\n"), HasSubstr("inputs is 'y'"));
  EXPECT_THAT(error("0,a,T,,-1\n"), HasSubstr("macs is -1"));
  EXPECT_THAT(error("65536,a,T,,\n"), HasSubstr("index is 65536"));
  EXPECT_THAT(ParseOperators("", "o.csv").status().ToString(), HasSubstr("no header"));
}

TEST(OperatorRows, TheyTakeThePlacesOfTheMarkersOperators) {
  v1::OperatorTable of_markers, given;
  for (const char* type : {"Conv", "unknown"}) {
    v1::OperatorInfo* op = of_markers.add_operators();
    op->set_index(static_cast<uint32_t>(of_markers.operators_size()) - 1);
    op->set_name("as in markers.csv");
    op->set_type(type);
  }
  *given.add_operators() = Operator(0, "first");
  *given.add_operators() = Operator(3, "never ran");
  const auto merged = MergedOperators(of_markers, given, "o.csv");
  ASSERT_TRUE(merged.ok()) << merged.status();
  ASSERT_EQ(merged->operators_size(), 4);
  EXPECT_EQ(merged->operators(0).name(), "first");
  EXPECT_EQ(merged->operators(1).name(), "as in markers.csv");
  EXPECT_EQ(merged->operators(2).index(), 2u);
  EXPECT_EQ(merged->operators(3).name(), "never ran");
  given.mutable_operators(0)->set_type("Relu");
  EXPECT_THAT(MergedOperators(of_markers, given, "o.csv").status().ToString(),
              HasSubstr("the operator 0 is of type 'Relu', but 'Conv' in the markers"));
}

}  // namespace
}  // namespace synergy
