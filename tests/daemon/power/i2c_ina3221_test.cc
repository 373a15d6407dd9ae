#include "daemon/power/i2c_ina3221.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/power/i2c_dev_bus.h"
#include "daemon/power/ina3221_chip.h"
#include "daemon/power/sim_i2c_bus.h"
#include "tests/daemon/power/function_trace.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_sysfs.h"

namespace synergy {
namespace {

// Notes which drivers were unbound.
class UnbindNotes final : public SettingWriter {
 public:
  absl::StatusOr<std::string> Set(const std::string&, const std::string&) override {
    return absl::UnimplementedError("nothing is set here");
  }
  absl::Status Unbind(const std::string& device) override {
    unbound.push_back(device);
    if (answer.ok() && on_unbind) on_unbind();
    return answer;
  }

  std::vector<std::string> unbound;
  absl::Status answer;
  std::function<void()> on_unbind;
};

class I2cIna3221 : public testing::Test {
 protected:
  I2cIna3221() {
    FakeSysfs::Files files;
    const char* labels[] = {"VDD_IN", "NC", "VDD_CPU"};
    for (int n = 1; n <= 3; ++n) {
      const std::string number = std::to_string(n);
      files["in" + number + "_label"] = labels[n - 1];
      files["in" + number + "_enable"] = "1";
      files["curr" + number + "_input"] = "1000";
      files["shunt" + number + "_resistor"] = std::to_string(n * 10'000);
    }
    folder_ = sysfs_.AddHwmon(3, "devices/i2c-1/1-0040", "ina3221", files);
  }

  absl::StatusOr<FoundSource> Open() {
    const absl::StatusOr<BoundIna3221> chip =
        DescribeHwmonIna3221(ListHwmon(sysfs_.root()).at(0), {});
    if (!chip.ok()) return chip.status();
    return OpenI2cIna3221(*chip, names_, settings_, [this](int number) {
      bus_number_ = number;
      return bus_;
    });
  }

  FakeClock clock_;
  FakeSysfs sysfs_;
  std::string folder_;
  UnbindNotes settings_;
  absl::StatusOr<std::shared_ptr<RegisterBus>> bus_ = absl::NotFoundError("no bus");
  int bus_number_ = -1;
  RailNames names_;
};

TEST_F(I2cIna3221, TakesLabelsAndShuntsFromTheDriverBeforeItIsUnbound) {
  auto bus = std::make_shared<SimI2cBus>("i2c-1", 400'000, clock_);
  FunctionTrace trace = FunctionTrace::Constant(1.0, 5.0);
  const std::array<Ina3221Input, 3> inputs{Ina3221Input{0, 0.010}, Ina3221Input{1, 0.020},
                                           Ina3221Input{2, 0.030}};
  bus->Attach(0x40, std::make_unique<Ina3221Chip>(Ina3221ChipOptions{.seed = 5}, inputs, trace,
                                                  clock_.Now()));
  bus_ = std::shared_ptr<RegisterBus>(bus);
  const absl::StatusOr<FoundSource> found = Open();
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(bus_number_, 1);
  ASSERT_EQ(settings_.unbound.size(), 1u);
  EXPECT_TRUE(settings_.unbound[0].ends_with("devices/i2c-1/1-0040")) << settings_.unbound[0];
  EXPECT_EQ(found->source->name(), "ina3221 1-0040 (registers)");
  ASSERT_EQ(found->rails.size(), 2u) << "NC is connected to nothing";
  EXPECT_EQ(found->rails[0].name(), "VDD_IN");
  EXPECT_EQ(found->rails[1].name(), "VDD_CPU");
  const std::vector<v1::ChannelInfo>& channels = found->source->channels();
  ASSERT_EQ(channels.size(), 4u);
  EXPECT_DOUBLE_EQ(channels[0].scale(), 40e-6 / 0.010);
  EXPECT_DOUBLE_EQ(channels[1].scale(), 40e-6 / 0.030);
  EXPECT_DOUBLE_EQ(channels[1].gain_tolerance(), 0.0125) << "the chip's 0.25 % and the shunt's 1 %";
  EXPECT_EQ(channels[1].window().cycle(), "ina3221 1-0040 (registers)");
}

TEST_F(I2cIna3221, LeavesTheDriverWhereThereIsNoBus) {
  const absl::Status status = Open().status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_TRUE(settings_.unbound.empty());
  EXPECT_EQ(names_.Take("VDD_IN"), "VDD_IN") << "the driver's source needs it";
}

TEST_F(I2cIna3221, NeedsTheShuntOfEachChannelInUse) {
  bus_ = std::shared_ptr<RegisterBus>(std::make_shared<SimI2cBus>("i2c-1", 400'000, clock_));
  sysfs_.Write(folder_ + "/shunt3_resistor", "0");
  const absl::Status status = Open().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_NE(status.ToString().find("shunt of channel 3"), std::string::npos) << status;
  EXPECT_TRUE(settings_.unbound.empty());
}

TEST_F(I2cIna3221, SaysWhyTheDriverCannotBeUnbound) {
  bus_ = std::shared_ptr<RegisterBus>(std::make_shared<SimI2cBus>("i2c-1", 400'000, clock_));
  settings_.answer = absl::PermissionDeniedError("only root may");
  EXPECT_EQ(Open().status(), settings_.answer);
  EXPECT_EQ(names_.Take("VDD_IN"), "VDD_IN") << "the driver's source needs it";
}

TEST_F(I2cIna3221, VoltagesAreAskedForTenTimesASecond) {
  auto bus = std::make_shared<SimI2cBus>("i2c-1", 400'000, clock_);
  FunctionTrace trace = FunctionTrace::Constant(1.0, 5.0);
  const std::array<Ina3221Input, 3> inputs{Ina3221Input{0, 0.010}, Ina3221Input{1, 0.020},
                                           Ina3221Input{2, 0.030}};
  bus->Attach(0x40, std::make_unique<Ina3221Chip>(Ina3221ChipOptions{.seed = 5}, inputs, trace,
                                                  clock_.Now()));
  bus_ = std::shared_ptr<RegisterBus>(bus);
  const absl::StatusOr<FoundSource> found = Open();
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(std::isinf(found->source->asked_hz(1)));
  EXPECT_DOUBLE_EQ(found->source->asked_hz(2), 10);
}

TEST(I2cDevBus, SaysWhatToDoWhereThereIsNone) {
  FakeClock clock;
  const absl::Status status = I2cDevBus::Open("/dev/i2c-no-such", 0, clock).status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_NE(status.ToString().find("modprobe i2c-dev"), std::string::npos) << status;
}

TEST(I2cDevBus, IsNoOtherFile) {
  FakeClock clock;
  const auto bus = I2cDevBus::Open("/dev/null", 400'000, clock);
  ASSERT_TRUE(bus.ok()) << bus.status();
  EXPECT_FALSE((*bus)->Read(0x40, 0xFE).ok());
  EXPECT_FALSE((*bus)->Write(0x40, 0, 0).ok());
  // 47 bits of 2.5 us, the answer after 29 of them.
  EXPECT_EQ((*bus)->read_latch().after_begin.count, 72'500);
  EXPECT_EQ((*bus)->read_latch().before_end.count, 45'000);
}

}  // namespace
}  // namespace synergy
