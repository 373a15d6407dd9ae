#include "daemon/power/bound_ina3221.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/power/discover.h"
#include "daemon/power/iio_ina3221_source.h"
#include "daemon/power/ina3221_chip.h"
#include "daemon/power/sim_i2c_bus.h"
#include "tests/daemon/power/function_trace.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_sysfs.h"

namespace synergy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What the kernel does when a driver goes.
class UnbindingSettings final : public SettingWriter {
 public:
  explicit UnbindingSettings(FakeSysfs& tree) : tree_(tree) {}
  absl::StatusOr<std::string> Set(const std::string&, const std::string&) override {
    return absl::UnimplementedError("nothing is set here");
  }
  absl::Status Unbind(const std::string& device) override {
    if (!refusal.ok()) return refusal;
    unbound.push_back(device.substr(device.rfind('/') + 1));
    tree_.Remove("devices/7000c400.i2c/i2c-1/" + unbound.back() + "/iio:device0");
    return absl::OkStatus();
  }

  std::vector<std::string> unbound;
  absl::Status refusal;

 private:
  FakeSysfs& tree_;
};

// A TX1 under L4T 4.9: NVIDIA's driver has the module's monitor.
class IioIna3221OfATx1 : public testing::Test {
 protected:
  IioIna3221OfATx1() {
    AddChip("1-0040", {"VDD_IN", "VDD_GPU", "VDD_CPU"});
    auto bus = std::make_shared<SimI2cBus>("i2c-1", 400'000, clock_);
    const std::array<Ina3221Input, 3> inputs{Ina3221Input{0, 0.020}, Ina3221Input{1, 0.010},
                                             Ina3221Input{2, 0.010}};
    bus->Attach(0x40, std::make_unique<Ina3221Chip>(Ina3221ChipOptions{.seed = 5}, inputs, trace_,
                                                    clock_.Now()));
    bus_ = std::shared_ptr<RegisterBus>(bus);
  }

  void AddChip(const std::string& device, const std::vector<std::string>& rails) {
    const std::string folder = "devices/7000c400.i2c/i2c-1/" + device;
    for (size_t n = 0; n < rails.size(); ++n) {
      const std::string number = std::to_string(n);
      tree_.Write(folder + "/iio:device0/rail_name_" + number, rails[n]);
      tree_.Write(folder + "/iio:device0/in_power" + number + "_input", "1000");
    }
    tree_.Write(folder + "/iio:device0/running_mode", "0");
    tree_.Link("bus/i2c/devices/" + device, folder);
  }
  // A cell of the node of an input of 1-0040, as the kernel shows the device tree.
  void WriteCell(int input, const std::string& property, char value) {
    const std::string file = "devices/7000c400.i2c/i2c-1/1-0040/of_node/channel@" +
                             std::to_string(input) + "/" + property;
    tree_.Write(file, "");
    std::ofstream(tree_.Path(file), std::ios::trunc) << std::string("\0\0\0", 3) << value;
  }
  void WriteShunts(char a, char b, char c) {
    int input = 0;
    for (const char mohm : {a, b, c}) {
      WriteCell(input, "reg", static_cast<char>(input));
      WriteCell(input++, "ti,shunt-resistor-mohm", mohm);
    }
  }
  absl::StatusOr<BoundIna3221> Describe(const BoardProfile& profile) {
    return DescribeIioIna3221(ListIioIna3221(tree_.root()).at(0), profile);
  }
  DiscoveredSources Discover(const BoardProfile& profile) {
    return DiscoverSources(tree_.root(), settings_, clock_, profile, nullptr,
                           [this](int) { return bus_; });
  }
  static std::vector<std::string> NamesOf(const DiscoveredSources& found) {
    std::vector<std::string> names;
    for (const FoundSource& source : found.sources) names.push_back(source.source->name());
    return names;
  }

  const BoardProfile tx1_ = BuiltInBoardProfile("jetson-tx1").value();
  FakeClock clock_;
  FakeSysfs tree_;
  UnbindingSettings settings_{tree_};
  FunctionTrace trace_ = FunctionTrace::Constant(1.0, 19.0);
  absl::StatusOr<std::shared_ptr<RegisterBus>> bus_;
};

TEST_F(IioIna3221OfATx1, HasTheShuntsOfTheDeviceTree) {
  WriteShunts(20, 10, 5);
  const absl::StatusOr<BoundIna3221> chip = Describe({});
  ASSERT_TRUE(chip.ok()) << chip.status();
  EXPECT_EQ(chip->bus, 1);
  EXPECT_THAT(chip->device, HasSubstr("1-0040"));
  EXPECT_EQ(chip->wiring.address, 0x40);
  EXPECT_EQ(chip->wiring.name, "ina3221 1-0040");
  EXPECT_EQ(chip->wiring.channels[0]->rail, "VDD_IN");
  EXPECT_DOUBLE_EQ(chip->wiring.channels[0]->shunt_ohm, 0.020);
  EXPECT_DOUBLE_EQ(chip->wiring.channels[1]->shunt_ohm, 0.010);
  EXPECT_DOUBLE_EQ(chip->wiring.channels[2]->shunt_ohm, 0.005);
  EXPECT_DOUBLE_EQ(chip->wiring.channels[2]->shunt_tolerance, 0.01);
  EXPECT_THAT(chip->wiring.remarks, IsEmpty());
}

TEST_F(IioIna3221OfATx1, HasTheShuntsOfTheProfileWhereTheDeviceTreeIsNotShown) {
  const absl::StatusOr<BoundIna3221> chip = Describe(tx1_);
  ASSERT_TRUE(chip.ok()) << chip.status();
  EXPECT_DOUBLE_EQ(chip->wiring.channels[0]->shunt_ohm, 0.020);
  EXPECT_DOUBLE_EQ(chip->wiring.channels[2]->shunt_ohm, 0.010);
}

TEST_F(IioIna3221OfATx1, SaysWhereTheDeviceTreeAndTheProfileDiffer) {
  WriteShunts(20, 5, 10);
  const absl::StatusOr<BoundIna3221> chip = Describe(tx1_);
  ASSERT_TRUE(chip.ok()) << chip.status();
  EXPECT_DOUBLE_EQ(chip->wiring.channels[1]->shunt_ohm, 0.005);
  EXPECT_THAT(chip->wiring.remarks,
              ElementsAre(AllOf(HasSubstr("5 mOhm for VDD_GPU"), HasSubstr("says 10 mOhm"),
                                HasSubstr("0.5 times"))));
}

TEST_F(IioIna3221OfATx1, SaysWhereTheDriverCorrectsWhatTheRegistersHave) {
  WriteShunts(20, 10, 10);
  WriteCell(0, "shunt-volt-offset-uv", 7);
  const absl::StatusOr<BoundIna3221> chip = Describe(tx1_);
  ASSERT_TRUE(chip.ok()) << chip.status();
  EXPECT_THAT(chip->wiring.remarks,
              ElementsAre(AllOf(HasSubstr("VDD_IN"), HasSubstr("shunt-volt-offset-uv"))));
}

TEST_F(IioIna3221OfATx1, InputsWithoutANameAreNotInUse) {
  for (const std::string unused : {"NC", "(null)", ""}) {
    tree_.Write("devices/7000c400.i2c/i2c-1/1-0040/iio:device0/rail_name_1", unused);
    const absl::StatusOr<BoundIna3221> chip = Describe(tx1_);
    ASSERT_TRUE(chip.ok()) << chip.status();
    EXPECT_FALSE(chip->wiring.channels[1].has_value()) << unused;
    EXPECT_TRUE(chip->wiring.channels[2].has_value());
  }
}

TEST_F(IioIna3221OfATx1, AProfileWithOtherRailsThereSaysNothingOfItsShunts) {
  tree_.Write("devices/7000c400.i2c/i2c-1/1-0040/iio:device0/rail_name_0", "VDD_MUX");
  const absl::Status status = Describe(tx1_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.ToString(),
              AllOf(HasSubstr("the shunt of VDD_MUX (channel 1)"), HasSubstr("0x40 on i2c-1")));
}

TEST_F(IioIna3221OfATx1, IsTakenFromItsDriverAndReadByItsRegisters) {
  const DiscoveredSources found = Discover(tx1_);
  EXPECT_THAT(settings_.unbound, ElementsAre("1-0040"));
  EXPECT_THAT(NamesOf(found), ElementsAre("ina3221 1-0040 (registers)"));
  EXPECT_THAT(found.unused, IsEmpty());
  PowerSource& source = *found.sources.at(0).source;
  EXPECT_DOUBLE_EQ(source.channels()[0].scale(), 40e-6 / 0.020);
  EXPECT_EQ(source.channels()[0].rail(), "VDD_IN");
  std::vector<ChannelReading> readings;
  ASSERT_TRUE(source.Read(&readings).ok());
  ASSERT_FALSE(readings.empty());
  EXPECT_NEAR(static_cast<double>(readings[0].reading.raw) * 2e-3, 1.0, 4e-3) << "1 A";
}

TEST_F(IioIna3221OfATx1, StaysWithItsDriverWhereAShuntIsNotKnownAndSaysWhy) {
  AddChip("1-0042", {"VDD_MUX", "VDD_5V_IO_SYS", "VDD_3V3_SYS"});
  const DiscoveredSources found = Discover(tx1_);
  EXPECT_THAT(settings_.unbound, ElementsAre("1-0040"));
  EXPECT_THAT(NamesOf(found), ElementsAre("ina3221 1-0040 (registers)", "ina3221x 1-0042"));
  EXPECT_THAT(found.sources.at(1).source->Remarks(),
              ElementsAre(AllOf(HasSubstr("ina3221x 1-0042: its driver is read"),
                                HasSubstr("as --source i2c asks"), HasSubstr("VDD_MUX"))));
}

TEST_F(IioIna3221OfATx1, StaysWithItsDriverUnderItsNamesWhereItCannotBeTaken) {
  settings_.refusal = absl::PermissionDeniedError("only root may");
  const DiscoveredSources found = Discover(tx1_);
  ASSERT_THAT(NamesOf(found), ElementsAre("ina3221x 1-0040"));
  EXPECT_EQ(found.sources[0].rails.at(0).name(), "VDD_IN");
  EXPECT_THAT(found.sources[0].source->Remarks(), ElementsAre(HasSubstr("only root may")));
}

TEST_F(IioIna3221OfATx1, IsReadThroughItsDriverWhereNobodyAsksForItsRegisters) {
  const DiscoveredSources found = DiscoverSources(tree_.root(), settings_, clock_, tx1_);
  ASSERT_THAT(NamesOf(found), ElementsAre("ina3221x 1-0040"));
  EXPECT_THAT(found.sources[0].source->Remarks(), IsEmpty());
  EXPECT_THAT(settings_.unbound, IsEmpty());
}

TEST_F(IioIna3221OfATx1, AChipThatDoesNotAnswerAfterThatIsNotRead) {
  bus_ = std::shared_ptr<RegisterBus>(std::make_shared<SimI2cBus>("i2c-1", 400'000, clock_));
  const DiscoveredSources found = Discover(tx1_);
  EXPECT_THAT(found.sources, IsEmpty());
  EXPECT_THAT(found.unused, ElementsAre(HasSubstr("ina3221 1-0040 (registers)")));
}

TEST(DiscoverSources, SaysThatNoIna3221HasADriverThatItCouldBeTakenFrom) {
  FakeSysfs tree;
  FakeSettings settings;
  FakeClock clock;
  const DiscoveredSources found =
      DiscoverSources(tree.root(), settings, clock, {}, nullptr,
                      [](int) -> absl::StatusOr<std::shared_ptr<RegisterBus>> {
                        return absl::NotFoundError("no bus");
                      });
  EXPECT_THAT(found.sources, IsEmpty());
  EXPECT_THAT(found.unused,
              ElementsAre(AllOf(HasSubstr("--source i2c: no INA3221 can be taken"),
                                HasSubstr("/class/hwmon/*/name"), HasSubstr("rail_name_0"))));
}

}  // namespace
}  // namespace synergy
