#include "common/spec_validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

namespace synergy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

SpecLimits Limits() {
  SpecLimits limits;
  limits.engines = {{.name = "broken", .unusable = "it was killed by SIGSEGV"},
                    {.name = "caffe2-eigen", .max_threads = 1},
                    {.name = "caffe2-openblas", .max_threads = 3},
                    {.name = "old"}};
  limits.libexec_dir = "/usr/libexec/synergy";
  limits.cpus = 4;
  limits.can_measure = true;
  return limits;
}

v1::JobSpec GoodSpec() {
  v1::JobSpec spec;
  spec.set_net_name("squeezenet");
  spec.set_engine("caffe2-eigen");
  spec.set_iterations(10);
  spec.set_warmup(2);
  spec.set_threads(1);
  spec.set_batch(1);
  v1::InputShape* input = spec.add_inputs();
  input->set_blob("data");
  for (const int64_t dim : {1, 3, 224, 224}) input->add_dims(dim);
  return spec;
}

// The text about a spec that was changed for the worse.
std::string Refusal(const std::function<void(v1::JobSpec&)>& change) {
  v1::JobSpec spec = GoodSpec();
  change(spec);
  const absl::Status status = ValidateSpecUntrusted(spec, Limits());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return std::string(status.message());
}

TEST(SpecValidation, ASpecThatFitsIntoNoPacketIsRefused) {
  EXPECT_THAT(Refusal([](v1::JobSpec& spec) { spec.set_net_name(std::string(32 << 10, 'x')); }),
              HasSubstr("at most 32768 are taken"));
}

TEST(SpecValidation, TakesAGoodSpecAndTheLimitsThemselves) {
  EXPECT_TRUE(ValidateSpecUntrusted(GoodSpec(), Limits()).ok());
  v1::JobSpec spec = GoodSpec();
  spec.set_engine("old");
  spec.set_warmup(1);
  spec.set_iterations(1);
  spec.set_threads(4);
  spec.set_rate_hz(kMaxRateHz);
  spec.set_time_limit_s(kMaxTimeLimitS);
  EXPECT_TRUE(ValidateSpecUntrusted(spec, Limits()).ok());
  spec.mutable_inputs(0)->clear_dims();
  EXPECT_TRUE(ValidateSpecUntrusted(spec, Limits()).ok()) << "a scalar";
}

TEST(SpecValidation, EventsHaveNamesEachOnceAndADaemonThatKnowsThem) {
  SpecLimits limits = Limits();
  v1::JobSpec spec = GoodSpec();
  spec.add_events("armv8_pmuv3/bus_access/");
  spec.add_events("r74");
  EXPECT_TRUE(absl::IsFailedPrecondition(ValidateSpecUntrusted(spec, limits)));
  limits.knows_events = true;
  EXPECT_TRUE(ValidateSpecUntrusted(spec, limits).ok());
  const auto refused = [&](const std::vector<std::string>& events) {
    spec.mutable_events()->Assign(events.begin(), events.end());
    const absl::Status status = ValidateSpecUntrusted(spec, limits);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  };
  for (const char* name : {"", "a b", "/etc/passwd", "../../etc", "cycles\n"}) {
    EXPECT_THAT(refused({name}), HasSubstr("is no event's name")) << name;
  }
  EXPECT_THAT(refused({"cycles", "bus", "cycles"}), HasSubstr("cycles is given twice"));
  EXPECT_THAT(refused(std::vector<std::string>(33, "cycles")), HasSubstr("33 given; at most 32"));
}

TEST(SpecValidation, RefusesObjectsThatAreNone) {
  v1::JobSpec good = GoodSpec();
  good.mutable_weights()->set_sha256(std::string(32, 'h'));
  good.mutable_weights()->set_bytes(500'000'000);
  *good.mutable_input_values() = good.weights();
  EXPECT_TRUE(ValidateSpecUntrusted(good, Limits()).ok());
  EXPECT_THAT(Refusal([](auto& spec) { spec.mutable_weights(); }), HasSubstr("weights"));
  EXPECT_THAT(Refusal([&](auto& spec) {
                *spec.mutable_input_values() = good.weights();
                spec.mutable_input_values()->set_bytes(0);
              }),
              HasSubstr("input_values"));
}

TEST(SpecValidation, RefusesTypesThatAreNone) {
  EXPECT_THAT(
      Refusal([](auto& spec) { spec.mutable_inputs(0)->set_type(static_cast<v1::DataType>(99)); }),
      HasSubstr("unknown type 99"));
  EXPECT_THAT(Refusal([](auto& spec) { spec.set_net_type("dag\n"); }), HasSubstr("net_type"));
}

TEST(SpecValidation, ATokenHasOnlyLettersDigitsAndDashes) {
  for (const std::string& token : {std::string(), std::string("aZ0-9"), std::string(64, 'a')}) {
    v1::JobSpec spec = GoodSpec();
    spec.set_token(token);
    EXPECT_TRUE(ValidateSpecUntrusted(spec, Limits()).ok()) << token;
  }
  for (const std::string& token :
       {std::string(65, 'a'), std::string("a b"), std::string("a/b"), std::string("a\n"),
        std::string("a\0b", 3), std::string("\xC3\xA4")}) {
    EXPECT_THAT(Refusal([&](auto& spec) { spec.set_token(token); }),
                HasSubstr("token: leave it out, or give at most 64 letters, digits and '-'"));
  }
}

TEST(SpecValidation, NamesTheNearestEngineAndAllOfThem) {
  EXPECT_THAT(Refusal([](auto& spec) { spec.set_engine("caffe2-eigne"); }),
              AllOf(HasSubstr("did you mean 'caffe2-eigen'"), HasSubstr("caffe2-openblas")));
  EXPECT_THAT(Refusal([](auto& spec) { spec.set_engine("../../bin/sh"); }),
              HasSubstr("engines of this daemon: broken, caffe2-eigen, caffe2-openblas, old"));
}

TEST(SpecValidation, ThreadsOfAParallelNetAreNotLimitedByThoseWithinAnOperator) {
  v1::JobSpec spec = GoodSpec();
  spec.set_engine("caffe2-eigen");
  spec.set_threads(2);
  for (const char* type : {"", "simple"}) {
    spec.set_net_type(type);
    EXPECT_FALSE(ValidateSpecUntrusted(spec, Limits()).ok()) << type;
  }
  spec.set_net_type("async_scheduling");
  EXPECT_TRUE(ValidateSpecUntrusted(spec, Limits()).ok());
  spec.set_threads(1000);
  EXPECT_THAT(ValidateSpecUntrusted(spec, Limits()).ToString(), HasSubstr("this board has CPUs"));
}

TEST(SpecValidation, RefusesMoreThreadsThanTheEngineHasAndSaysWhatHasThem) {
  EXPECT_EQ(Refusal([](auto& spec) { spec.set_threads(2); }),
            "threads: engine caffe2-eigen runs one thread; asked for 2: use --engine "
            "caffe2-openblas or --engine old or --threads 1");
  EXPECT_EQ(Refusal([](auto& spec) {
              spec.set_engine("caffe2-openblas");
              spec.set_threads(4);
            }),
            "threads: engine caffe2-openblas runs at most 3 threads; asked for 4: use --engine old "
            "or --threads 3");
}

TEST(SpecValidation, TakesAnyNumberOfThreadsForAnEngineThatDoesNotSay) {
  v1::JobSpec spec = GoodSpec();
  spec.set_engine("old");
  for (const uint32_t threads : {1u, 2u, 4u}) {
    spec.set_threads(threads);
    EXPECT_TRUE(ValidateSpecUntrusted(spec, Limits()).ok());
  }
}

TEST(SpecValidation, RefusesAnEngineThatCannotBeUsedWithTheReason) {
  v1::JobSpec spec = GoodSpec();
  spec.set_engine("broken");
  const absl::Status status = ValidateSpecUntrusted(spec, Limits());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), AllOf(HasSubstr("broken cannot be used here: it was killed by "
                                                 "SIGSEGV"),
                                       HasSubstr("install it anew")));
  SpecLimits limits = Limits();
  limits.engines = {{.name = "broken", .unusable = "it is another's: install it anew"}};
  EXPECT_THAT(ValidateSpecUntrusted(spec, limits).ToString(),
              HasSubstr("another's: install it anew; or name another with --engine"));
}

TEST(SpecValidation, SaysWhereEnginesWereLookedForWhenThereAreNone) {
  SpecLimits limits = Limits();
  limits.engines.clear();
  EXPECT_THAT(ValidateSpecUntrusted(GoodSpec(), limits).ToString(),
              AllOf(HasSubstr("/usr/libexec/synergy"), HasSubstr("--libexec")));
}

TEST(SpecValidation, RefusesCountsOutsideTheirRange) {
  EXPECT_THAT(Refusal([](auto& spec) { spec.set_iterations(0); }), HasSubstr("iterations"));
  EXPECT_THAT(Refusal([](auto& spec) { spec.set_iterations(kMaxIterations + 1); }),
              HasSubstr("iterations"));
  EXPECT_THAT(Refusal([](auto& spec) { spec.set_warmup(0); }),
              HasSubstr("the first iteration allocates memory"));
  EXPECT_THAT(Refusal([](auto& spec) { spec.set_threads(0); }), HasSubstr("threads"));
  EXPECT_THAT(Refusal([](auto& spec) { spec.set_threads(5); }), HasSubstr("1 to 4"));
  EXPECT_THAT(Refusal([](auto& spec) { spec.set_batch(0); }), HasSubstr("batch"));
}

TEST(SpecValidation, RefusesRatesAndLimitsThatAreNoNumbersOfUse) {
  for (const double rate : {0.5, -1.0, 1000.1, std::numeric_limits<double>::quiet_NaN(),
                            std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(Refusal([&](auto& spec) { spec.set_rate_hz(rate); }), HasSubstr("rate_hz"));
  }
  for (const double limit : {-1.0, kMaxTimeLimitS + 1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(Refusal([&](auto& spec) { spec.set_time_limit_s(limit); }),
                HasSubstr("time_limit_s"));
  }
  for (const double pause : {-0.001, 10.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(Refusal([&](auto& spec) { spec.set_longest_pause_s(pause); }),
                HasSubstr("longest_pause_s"));
  }
  EXPECT_THAT(Refusal([](auto& spec) { spec.set_precision(2); }), HasSubstr("precision"));
  EXPECT_THAT(Refusal([](auto& spec) { spec.set_max_time_s(60); }), HasSubstr("max_time_s"));
  for (const double idle : {-1.0, 601.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(Refusal([&](auto& spec) { spec.set_idle_s(idle); }), HasSubstr("idle_s"));
  }
  for (const double below : {-1.0, 151.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(Refusal([&](auto& spec) { spec.set_cool_below_c(below); }),
                HasSubstr("cool_below_c"));
  }
}

TEST(SpecValidation, CoolingNeedsAThermalZone) {
  v1::JobSpec spec = GoodSpec();
  spec.set_cool_below_c(45);
  const absl::Status refused = ValidateSpecUntrusted(spec, Limits());
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("no thermal zone"));
  SpecLimits limits = Limits();
  limits.has_thermal_zones = true;
  EXPECT_TRUE(ValidateSpecUntrusted(spec, limits).ok());
}

TEST(SpecValidation, RefusesLoadPatternsThatAreNone) {
  EXPECT_THAT(Refusal([](auto& spec) { spec.mutable_load_chirp()->set_chips(60); }),
              HasSubstr("load_chirp"));
  v1::JobSpec spec = GoodSpec();
  spec.mutable_load_chirp()->set_chips(60);
  spec.mutable_load_chirp()->set_seconds_per_chip(0.03);
  EXPECT_TRUE(ValidateSpecUntrusted(spec, Limits()).ok());
}

TEST(SpecValidation, RefusesInputsThatNoMemoryHolds) {
  EXPECT_THAT(Refusal([](auto& spec) { spec.mutable_inputs(0)->set_dims(1, 0); }),
              HasSubstr("'data'"));
  EXPECT_THAT(Refusal([](auto& spec) {
                for (int i = 0; i < 4; ++i) spec.mutable_inputs(0)->set_dims(i, int64_t{1} << 40);
              }),
              HasSubstr("together at most"));
  EXPECT_THAT(Refusal([](auto& spec) {
                for (int i = 0; i < 9; ++i) spec.mutable_inputs(0)->add_dims(1);
              }),
              HasSubstr("at most 8"));
  EXPECT_THAT(Refusal([](auto& spec) { *spec.add_inputs() = spec.inputs(0); }), HasSubstr("twice"));
}

TEST(SpecValidation, RefusesNamesThatWouldDisturbATerminal) {
  EXPECT_THAT(Refusal([](auto& spec) { spec.set_net_name("a\x1b[2J"); }), HasSubstr("net_name"));
  EXPECT_THAT(Refusal([](auto& spec) { spec.set_net_name(std::string(201, 'x')); }),
              HasSubstr("net_name"));
  EXPECT_THAT(Refusal([](auto& spec) { spec.clear_net_name(); }), HasSubstr("net_name"));
}

TEST(SpecValidation, ABoardWithoutSourcesRefusesWithItsReason) {
  SpecLimits limits = Limits();
  limits.can_measure = false;
  limits.cannot_measure = "no power sensor; for a simulated one: --board sim:jetson-tx1";
  const absl::Status status = ValidateSpecUntrusted(GoodSpec(), limits);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), HasSubstr("--board sim:jetson-tx1"));
}

}  // namespace
}  // namespace synergy
