#include "daemon/sim/operator_table.h"

#include <gtest/gtest.h>

#include "client/models/zoo.h"

namespace synergy::sim {
namespace {

TEST(OperatorTableOf, HasARowForEachLayerWithItsShapesAndCost) {
  const Model model = *(*FindModel("squeezenet"))->build(1, 1);
  const v1::OperatorTable table = OperatorTableOf(model);
  ASSERT_EQ(table.operators_size(), static_cast<int>(model.layers.size()));
  int64_t macs = 0;
  for (int i = 0; i < table.operators_size(); ++i) {
    const v1::OperatorInfo& op = table.operators(i);
    EXPECT_EQ(op.index(), static_cast<uint32_t>(i));
    EXPECT_TRUE(op.has_cost());
    EXPECT_GT(op.outputs_size(), 0) << op.name();
    macs += op.macs();
  }
  EXPECT_EQ(macs, model.total.macs);
  EXPECT_EQ(table.operators(0).type(), "Conv");
  EXPECT_EQ(table.operators(0).inputs(0).dims_size(), 4);
}

}  // namespace
}  // namespace synergy::sim
