#include "client/predict/families.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "tests/client/predict/synthetic_layers.h"

namespace synergy {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

double CoefficientOf(const ModelPart& part, std::string_view term) {
  for (size_t i = 0; i < part.terms.size(); ++i) {
    if (part.terms[i].Text() == term) return part.coefficients[static_cast<Eigen::Index>(i)];
  }
  ADD_FAILURE() << "no term " << term;
  return 0;
}

double SdOf(const ModelPart& part, std::string_view term) {
  for (size_t i = 0; i < part.terms.size(); ++i) {
    const auto at = static_cast<Eigen::Index>(i);
    if (part.terms[i].Text() == term) return std::sqrt(part.covariance(at, at));
  }
  return 0;
}

const ModelPart& PartOf(const EnergyModel& model, OpClass op_class) {
  for (const ModelPart& part : model.parts) {
    if (part.op_class == op_class && part.target == "energy") return part;
  }
  return model.parts.front();
}

TEST(Families, LayerTypeRecoversCoefficientsToTheirStandardErrors) {
  int inside = 0, all = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const auto model = FitFamily(MakeLayers({.seed = seed}), {.family = Family::kLayerType});
    ASSERT_TRUE(model.ok()) << model.status();
    const ModelPart& conv = PartOf(*model, OpClass::kConvolution);
    const ModelPart& pool = PartOf(*model, OpClass::kPooling);
    EXPECT_NEAR(CoefficientOf(conv, "macs"), 0.8e-9, 0.03e-9);
    const auto check = [&](const ModelPart& part, const char* term, double truth) {
      ++all;
      inside += std::abs(CoefficientOf(part, term) - truth) < 1.96 * SdOf(part, term) ? 1 : 0;
    };
    check(conv, "macs", 0.8e-9);
    check(conv, "bytes", 0.15e-9);
    check(conv, "1", 30e-6);
    check(pool, "bytes", 0.5e-9);
    check(pool, "1", 10e-6);
  }
  RecordProperty("inside", inside);
  // 300 intervals of 95 %: below 270 in one of 10^4 cases.
  EXPECT_GE(inside, 270) << "of " << all;
}

TEST(Families, WholeNetworksAreOfNoFamilyOfOperators) {
  FeatureTable table = MakeLayers({});
  table.whole_runs = {"net0"};
  table.energy_j[0] = table.energy_j.head(30).sum();
  table.energy_j.segment(1, 29).setZero();
  const auto mac = FitFamily(table, {.family = Family::kMac});
  ASSERT_TRUE(mac.ok()) << mac.status();
  EXPECT_EQ(mac->runs.size(), 12u);
  const auto layers = FitFamily(table, {.family = Family::kLayerType});
  ASSERT_TRUE(layers.ok()) << layers.status();
  EXPECT_EQ(layers->runs.size(), 11u);
  EXPECT_THAT(layers->notes,
              Contains("left out: 1 of 12 runs, which have no energies of operators: net0"));
  table.whole_runs = DistinctNames(table.runs);
  EXPECT_THAT(std::string(FitFamily(table, {.family = Family::kPhysical}).status().message()),
              HasSubstr("no run has energies of operators"));
}

TEST(Families, ATablesOwnFeaturesAreTermsOfIndividual) {
  FeatureTable table = MakeLayers({});
  Eigen::VectorXd own(table.rows());
  for (Eigen::Index i = 0; i < own.size(); ++i) own[i] = 1 + static_cast<double>(i % 7);
  table.Set("f0", own);
  table.energy_j += 2e-3 * own;
  const FitOptions options{.family = Family::kIndividual, .more_features = {"f0"}};
  const auto model = FitFamily(table, options);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_NEAR(CoefficientOf(PartOf(*model, OpClass::kConvolution), "f0"), 2e-3, 2e-4);
  const auto few = FitFamily(table, {.family = Family::kLayerType, .more_features = {"f0"}});
  ASSERT_TRUE(few.ok()) << few.status();
  EXPECT_THAT(few->notes, Contains("not used, the family layer-type has no terms of them: f0"));
}

TEST(Families, NamesTermsThatTheRowsCannotTellApart) {
  FeatureTable table = MakeLayers({});
  table.Set("im2col_bytes", 2 * *table.Find("bytes"));
  const auto model = FitFamily(table, {.family = Family::kLayerType});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(model->notes, Contains(HasSubstr("convolution: left out: 'im2col_bytes' is a sum of "
                                               "'bytes' in these rows")));
}

TEST(Families, NamesTermsThatTheRowsHardlyTellApart) {
  FeatureTable table = MakeLayers({});
  const auto notes_at = [&](double apart) {
    Eigen::VectorXd alike = 2 * *table.Find("macs");
    for (Eigen::Index i = 0; i < alike.size(); ++i) alike[i] *= 1 + (i % 2 == 0 ? apart : -apart);
    table.Set("bytes", alike + Eigen::VectorXd::Constant(alike.size(), 1));
    const auto model = FitFamily(table, {.family = Family::kLayerType});
    EXPECT_TRUE(model.ok()) << model.status();
    return model->notes;
  };
  EXPECT_THAT(notes_at(1e-3),
              Contains(AllOf(HasSubstr("convolution: '"), HasSubstr("hardly differ"),
                             HasSubstr("'bytes'"), HasSubstr("'macs'"))));
  EXPECT_THAT(notes_at(0.2), Not(Contains(HasSubstr("hardly differ"))));
}

// One row alone tells flops from bytes, and counts less the surer what is predicted of it is.
TEST(Families, TermsThatLaterWeightsDoNotTellApartAreNoError) {
  for (double apart = 1e-5; apart < 0.1; apart *= 4) {
    FeatureTable table = MakeLayers({});
    Eigen::VectorXd flops = *table.Find("bytes") / 8;
    flops[4] *= 1 + apart;
    table.energy_j[4] *= 0.02;
    table.Set("flops", flops);
    for (const Family family : {Family::kLayerType, Family::kIndividual}) {
      const auto model = FitFamily(table, {.family = family});
      ASSERT_TRUE(model.ok()) << apart << ": " << model.status();
      EXPECT_GT(model->network_log_half, 0);
      for (const ModelPart& part : model->parts) EXPECT_GT(part.ratio_high, 1);
    }
  }
}

TEST(Families, IndividualNamesTermsThatTheRowsCannotTellApart) {
  FeatureTable table = MakeLayers({});
  table.Set("im2col_bytes", 2 * *table.Find("bytes"));
  table.Set("groups", Eigen::VectorXd::Constant(table.rows(), 3));
  const auto model = FitFamily(table, {.family = Family::kIndividual});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(model->notes,
              Contains(AllOf(HasSubstr("convolution: left out: sums of others: im2col_bytes, "
                                       "groups, "),
                             HasSubstr("macs*im2col_bytes"))));
  EXPECT_THAT(model->notes, Contains(HasSubstr("pooling: left out: 0 in every row: macs and "
                                               "their products; sums of others: im2col_bytes")));
}

// Squares of what hardly differs: Lasso would have coefficients that nothing tells.
TEST(Families, IndividualHasStandardErrorsOfAllThatCounts) {
  FeatureTable table = MakeLayers({.networks = 4, .layers = 10});
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  for (const char* name : {"flops", "outputs", "channels", "kernel"}) {
    Eigen::VectorXd alike = *table.Find("bytes");
    for (double& value : alike) value *= 1 + 1e-7 * normal(random);
    table.Set(name, alike);
  }
  const auto model = FitFamily(table, {.family = Family::kIndividual});
  ASSERT_TRUE(model.ok()) << model.status();
  for (const ModelPart& part : model->parts) {
    for (Eigen::Index i = 0; i < part.coefficients.size(); ++i) {
      if (part.coefficients[i] == 0) continue;
      EXPECT_GT(part.covariance(i, i), 0);
      EXPECT_GT(std::abs(part.coefficients[i]) * part.scales[i], 1e-6) << "it is nothing";
      EXPECT_LT(std::sqrt(part.covariance(i, i)), 1e4 * std::abs(part.coefficients[i]));
    }
  }
}

// 60 pools of net0, whose energy follows their bytes alone; other networks have none.
TEST(Families, AClassOfOneNetworkIsPenalisedByItsRows) {
  const FeatureTable layers = MakeLayers({.networks = 6, .layers = 300});
  std::vector<Eigen::Index> rows;
  for (Eigen::Index i = 0; i < layers.rows(); ++i) {
    const auto at = static_cast<size_t>(i);
    if (layers.types[at] == "Conv" || layers.networks[at] == "net0") rows.push_back(i);
  }
  FeatureTable table = layers.Select(rows);
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  for (const char* name : {"noise_a", "noise_b", "noise_c"}) {
    Eigen::VectorXd noise(table.rows());
    for (double& value : noise) value = std::exp(normal(random));
    table.Set(name, noise);
  }
  const auto model = FitFamily(
      table, {.family = Family::kIndividual, .more_features = {"noise_a", "noise_b", "noise_c"}});
  ASSERT_TRUE(model.ok()) << model.status();
  const ModelPart& pool = PartOf(*model, OpClass::kPooling);
  EXPECT_EQ(pool.terms.size(), 6u);
  EXPECT_LE(pool.complexity(), 3u);
}

TEST(Families, WithoutFreedomNoStandardErrorIsKnown) {
  for (const Family family : {Family::kMac, Family::kLayerType, Family::kIndividual}) {
    FeatureTable table = MakeLayers({.networks = 1, .layers = 1});
    const auto model = FitFamily(table, {.family = family});
    ASSERT_TRUE(model.ok()) << model.status();
    const ModelPart& part = model->parts.front();
    EXPECT_EQ(part.complexity(), 1u);
    for (Eigen::Index i = 0; i < part.coefficients.size(); ++i) {
      EXPECT_FALSE(model->ErrorOf(part, i).sd.has_value());
    }
  }
}

// Half of the rows are known to 0.2 %, half to 30 %.
TEST(Families, WhatWasMeasuredBetterCountsMore) {
  double squares_known = 0, squares_blind = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    FeatureTable table = MakeLayers({.noise = 0, .seed = seed});
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal;
    for (Eigen::Index i = 0; i < table.rows(); ++i) {
      const double energy = table.energy_j[i], sd = (i % 2 == 0 ? 0.002 : 0.3) * energy;
      table.energy_sd_j[i] = sd;
      table.energy_j[i] = std::max(0.1 * energy, energy + sd * normal(random));
    }
    const auto off = [&] {
      const auto model = FitFamily(table, {.family = Family::kLayerType});
      return CoefficientOf(PartOf(*model, OpClass::kConvolution), "macs") / 0.8e-9 - 1;
    };
    squares_known += std::pow(off(), 2);
    table.energy_sd_j.setZero();
    squares_blind += std::pow(off(), 2);
  }
  EXPECT_LT(squares_known, 0.01 * squares_blind);
}

TEST(Families, AClassWithoutCostsIsAConstant) {
  FeatureTable table = MakeLayers({});
  for (size_t i = 0; i < 2; ++i) {
    table.types[i] = "Concat";
    for (FeatureColumn& column : table.features) column.values[static_cast<Eigen::Index>(i)] = 0;
  }
  const auto model = FitFamily(table, {.family = Family::kLayerType});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(model->notes, Contains(HasSubstr("concat: only a constant is left")));
  EXPECT_GT(CoefficientOf(PartOf(*model, OpClass::kConcat), "1"), 0);
}

TEST(Families, SaysWhichFeatureIsMissing) {
  FeatureTable table = MakeLayers({});
  std::erase_if(table.features, [](const FeatureColumn& c) { return c.name == "bus"; });
  const auto model = FitFamily(table, {.family = Family::kCounters});
  EXPECT_EQ(model.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(model.status().message()),
              HasSubstr("the family counters needs the feature bus"));
}

TEST(Families, RunsWithoutCountsAreLeftOutOfThoseThatNeedThem) {
  FeatureTable table = MakeLayers({});
  Eigen::VectorXd bus = *table.Find("bus");
  bus.segment(60, 30).setConstant(std::nan(""));  // of net2
  table.Set("bus", bus);
  for (const Family family : {Family::kCounters, Family::kChain}) {
    const auto model = FitFamily(table, {.family = family});
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ(model->networks.size(), 11u);
    EXPECT_THAT(model->notes,
                Contains("left out: 1 of 12 runs, which have no counts of bus and simd: net2"));
    EXPECT_TRUE(std::isfinite(model->parts.back().coefficients.sum()));
  }
  for (const Family family : {Family::kMac, Family::kLayerType, Family::kIndividual}) {
    const auto model = FitFamily(table, {.family = family});
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ(model->networks.size(), 12u);
    EXPECT_THAT(model->notes, Not(Contains(HasSubstr("counts"))));
  }
  table.Set("bus", Eigen::VectorXd::Constant(table.rows(), std::nan("")));
  EXPECT_THAT(std::string(FitFamily(table, {.family = Family::kChain}).status().message()),
              HasSubstr("the family chain needs the feature bus"));
}

TEST(Families, RefusesEnergiesThatAreNone) {
  FeatureTable table = MakeLayers({});
  table.energy_j[3] = 0;
  EXPECT_THAT(std::string(FitFamily(table, {}).status().message()),
              HasSubstr("the energy of net0 layer3 is 0 J"));
}

TEST(Families, ChainGoesFromMacsToEnergy) {
  FeatureTable table = MakeLayers({});
  const auto model = FitFamily(table, {.family = Family::kChain});
  ASSERT_TRUE(model.ok()) << model.status();
  std::erase_if(table.features, [](const FeatureColumn& c) { return c.name != "macs"; });
  const auto predicted = Predict(*model, table);
  ASSERT_TRUE(predicted.ok()) << predicted.status();
  const FeatureTable networks = table.ByRun();
  ASSERT_EQ(predicted->runs.size(), 12u);
  for (size_t i = 0; i < 12; ++i) {
    const double measured = networks.energy_j[static_cast<Eigen::Index>(i)];
    EXPECT_NEAR(predicted->runs[i].mean, measured, 0.25 * measured);
  }
}

TEST(Families, ACoefficientAtItsBoundHasNoStandardError) {
  FeatureTable table = MakeLayers({});
  for (Eigen::Index i = 0; i < table.rows(); ++i) {
    if (table.types[static_cast<size_t>(i)] != "Conv") continue;
    table.energy_j[i] -= 0.2e-9 * (*table.Find("bytes"))[i];  // -0.05 nJ a byte
    table.energy_j[i] += 600e-6;
  }
  const auto model = FitFamily(table, {.family = Family::kLayerType});
  ASSERT_TRUE(model.ok()) << model.status();
  const ModelPart& conv = PartOf(*model, OpClass::kConvolution);
  for (size_t i = 0; i < conv.terms.size(); ++i) {
    const CoefficientError error = model->ErrorOf(conv, static_cast<Eigen::Index>(i));
    EXPECT_EQ(error.at_bound, conv.terms[i].Text() == "bytes");
    EXPECT_EQ(error.sd.has_value(), !error.at_bound);
  }
  const auto lasso = FitFamily(table, {.family = Family::kIndividual});
  ASSERT_TRUE(lasso.ok());
  for (const ModelPart& part : lasso->parts) {
    for (Eigen::Index i = 0; i < part.coefficients.size(); ++i) {
      EXPECT_FALSE(lasso->ErrorOf(part, i).at_bound) << "a penalty is none";
      EXPECT_EQ(lasso->ErrorOf(part, i).sd.has_value(), part.coefficients[i] != 0);
    }
  }
}

TEST(Families, IndividualFindsWhatMatters) {
  const FeatureTable table = MakeLayers({});
  const auto model = FitFamily(table, {.family = Family::kIndividual});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto predicted = Predict(*model, table);
  ASSERT_TRUE(predicted.ok());
  double error = 0;
  for (Eigen::Index i = 0; i < table.rows(); ++i) {
    error += std::abs(predicted->rows[static_cast<size_t>(i)].mean / table.energy_j[i] - 1);
  }
  EXPECT_LT(error / static_cast<double>(table.rows()), 0.06);
}

// At 1 W of idle, and power of the voltage squared, which rises with the clock.
FeatureTable OverClocks(const std::vector<double>& clocks) {
  const FeatureTable base = MakeLayers({.networks = 8, .noise = 0});
  FeatureTable table;
  Eigen::VectorXd energy, time, frequency, macs, bytes;
  const auto append = [](Eigen::VectorXd* to, const Eigen::VectorXd& more) {
    Eigen::VectorXd both(to->size() + more.size());
    both << *to, more;
    *to = both;
  };
  for (const double ghz : clocks) {
    for (size_t i = 0; i < base.networks.size(); ++i) {
      table.networks.push_back(base.networks[i]);
      table.runs.push_back(base.networks[i] + "@" + std::to_string(ghz));
      table.layers.push_back(base.layers[i]);
      table.types.push_back(base.types[i]);
    }
    const Eigen::VectorXd seconds = *base.Find("macs") / (4e9 * ghz) + *base.Find("bytes") / 3e9;
    const double volts2 = std::pow(0.7 + 0.2 * ghz, 2);
    append(&energy,
           seconds + volts2 * (0.5e-9 * *base.Find("macs") + 0.1e-9 * *base.Find("bytes")));
    append(&time, seconds);
    append(&frequency, Eigen::VectorXd::Constant(base.rows(), ghz));
    append(&macs, *base.Find("macs"));
    append(&bytes, *base.Find("bytes"));
  }
  table.energy_j = energy;
  table.energy_sd_j = Eigen::VectorXd::Zero(energy.size());
  table.Set("macs", macs);
  table.Set("bytes", bytes);
  table.Set("time", time);
  table.Set("frequency", frequency);
  return table;
}

TEST(Families, PhysicalPredictsAClockThatItWasNotFittedAt) {
  const auto model = FitFamily(OverClocks({0.6, 1.0, 1.7}), {.family = Family::kPhysical});
  ASSERT_TRUE(model.ok()) << model.status();
  FeatureTable other = OverClocks({1.3});
  std::erase_if(other.features, [](const FeatureColumn& c) { return c.name == "time"; });
  const auto predicted = Predict(*model, other);
  ASSERT_TRUE(predicted.ok()) << predicted.status();
  const FeatureTable networks = other.ByRun();
  for (size_t i = 0; i < predicted->runs.size(); ++i) {
    const double measured = networks.energy_j[static_cast<Eigen::Index>(i)];
    EXPECT_NEAR(predicted->runs[i].mean, measured, 0.03 * measured);
  }
  for (const ModelPart& part : model->parts) EXPECT_GE(part.coefficients.minCoeff(), 0);
}

// Every network and clock at a temperature of its own, with `watts_per_kelvin` of leakage.
FeatureTable OverTemperatures(double watts_per_kelvin, double kelvins, uint64_t seed) {
  FeatureTable table = OverClocks({0.6, 1.0, 1.7});
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> even(0, 1);
  std::normal_distribution<double> normal;
  std::map<std::string, double> of_run;
  for (const std::string& run : table.runs) of_run.try_emplace(run, 40 + kelvins * even(random));
  Eigen::VectorXd celsius(table.rows());
  for (Eigen::Index i = 0; i < table.rows(); ++i) {
    celsius[i] = of_run.at(table.runs[static_cast<size_t>(i)]);
    table.energy_j[i] += watts_per_kelvin * (*table.Find("time"))[i] * celsius[i];
    table.energy_j[i] *= 1 + 0.01 * normal(random);
  }
  table.Set("temperature", celsius);
  return table;
}

TEST(Families, PhysicalRecoversWhatLeaksAtATemperature) {
  int inside = 0, all = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const auto model = FitFamily(OverTemperatures(0.02, 40, seed), {.family = Family::kPhysical});
    ASSERT_TRUE(model.ok()) << model.status();
    const ModelPart& part = model->parts.back();
    ASSERT_EQ(part.target, "energy");
    const double found = CoefficientOf(part, "time*temperature");
    EXPECT_NEAR(found, 0.02, 0.002);
    ++all;
    inside += std::abs(found - 0.02) < 3 * SdOf(part, "time*temperature") ? 1 : 0;
  }
  EXPECT_GE(inside, 18) << "of " << all << " intervals of 99.7 %";
}

TEST(Families, PhysicalLeavesOutATemperatureThatDoesNotVaryAndSaysSo) {
  const FeatureTable table = OverTemperatures(0.02, 1, 1);
  const auto model = FitFamily(table, {.family = Family::kPhysical});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(model->notes, Contains(HasSubstr("left out: 'time*temperature', these rows' "
                                               "temperatures are within 2 K")));
  for (const ModelPart& part : model->parts) {
    for (const Term& term : part.terms) EXPECT_NE(term.Text(), "time*temperature");
    for (const FeatureRange& range : part.hull) EXPECT_NE(range.feature, "temperature");
  }
}

TEST(Families, PhysicalFlagsATemperatureBeyondTheFit) {
  const auto model = FitFamily(OverTemperatures(0.02, 40, 1), {.family = Family::kPhysical});
  ASSERT_TRUE(model.ok());
  FeatureTable other = OverClocks({1.0});
  other.Set("temperature", Eigen::VectorXd::Constant(other.rows(), 60));
  const auto warm = Predict(*model, other);
  other.Set("temperature", Eigen::VectorXd::Constant(other.rows(), 95));
  const auto hot = Predict(*model, other);
  ASSERT_TRUE(warm.ok() && hot.ok());
  EXPECT_THAT(warm->runs[0].beyond, testing::Not(Contains("temperature")));
  EXPECT_THAT(hot->runs[0].beyond, Contains("temperature"));
  EXPECT_GT(hot->runs[0].mean, 1.05 * warm->runs[0].mean);
}

// What pooling costs is known to 2 %, what a convolution does to 30 %.
TEST(Families, PhysicalHasAnIntervalForEachClassThatHasEnoughRows) {
  FeatureTable table = OverClocks({0.6, 1.0, 1.7});
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  for (Eigen::Index i = 0; i < table.rows(); ++i) {
    const bool is_pool = table.types[static_cast<size_t>(i)] == "MaxPool";
    table.energy_j[i] *= std::exp((is_pool ? 0.02 : 0.3) * normal(random));
  }
  table.types[0] = table.types[30] = "FC";  // in two networks
  const auto model = FitFamily(table, {.family = Family::kPhysical});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto predicted = Predict(*model, table);
  ASSERT_TRUE(predicted.ok()) << predicted.status();
  const auto width = [&](size_t row) {
    return predicted->rows[row].high / predicted->rows[row].low;
  };
  EXPECT_GT(width(1), 2.0) << "a convolution";
  EXPECT_LT(width(4), 1.5 * width(1) / 2) << "pooling";
  const ModelPart& all = model->parts.back();
  EXPECT_NEAR(width(0), all.ratio_high / all.ratio_low, 1e-9) << "two rows have that of all";
}

// No time is known of it, so that its energy would be too small.
TEST(Families, PhysicalDoesNotPredictAClassThatItHasNoTimesOf) {
  const auto model = FitFamily(OverClocks({1.0}), {.family = Family::kPhysical});
  ASSERT_TRUE(model.ok()) << model.status();
  FeatureTable other = OverClocks({1.0});
  other.types[0] = "LRN";
  const auto predicted = Predict(*model, other);
  ASSERT_TRUE(predicted.ok()) << predicted.status();
  EXPECT_FALSE(predicted->rows[0].is_known);
  EXPECT_TRUE(predicted->rows[1].is_known);
}

TEST(Families, PredictionsSayWhatLiesBeyondTheFit) {
  const FeatureTable table = MakeLayers({});
  const auto model = FitFamily(table, {.family = Family::kLayerType});
  ASSERT_TRUE(model.ok());
  const std::vector<Eigen::Index> one = {0};
  FeatureTable large = table.Select(one);
  large.Set("macs", Eigen::VectorXd::Constant(1, 1e12));
  const auto predicted = Predict(*model, large);
  ASSERT_TRUE(predicted.ok());
  EXPECT_THAT(predicted->rows[0].beyond, Contains("macs"));
  EXPECT_THAT(predicted->runs[0].beyond, Contains("macs"));
  EXPECT_GT(predicted->rows[0].high, predicted->rows[0].mean);
}

// Of activations the small ones alone had more flops a byte: a large one with many is like none,
// though each of its features is within its range.
TEST(Families, PredictionsSayWhatLiesBeyondTheFitTogether) {
  FeatureTable table = MakeLayers({});
  Eigen::VectorXd bytes = *table.Find("bytes"), flops = bytes / 8;
  for (Eigen::Index i = 0; i < table.rows(); ++i) {
    if (table.types[static_cast<size_t>(i)] != "MaxPool") continue;
    table.types[static_cast<size_t>(i)] = "Relu";
    if (i % 30 != 4) continue;
    bytes[i] = 1e4 + 1e2 * static_cast<double>(i);
    flops[i] = 0.3 * bytes[i];
    table.energy_j[i] = 0.5e-9 * bytes[i] + 10e-6;
  }
  table.Set("bytes", bytes);
  table.Set("flops", flops);
  for (const Family family : {Family::kLayerType, Family::kIndividual}) {
    const auto model = FitFamily(table, {.family = family});
    ASSERT_TRUE(model.ok()) << model.status();
    FeatureTable other = table.Select(std::vector<Eigen::Index>{4, 9, 14});
    other.Set("bytes", Eigen::VectorXd{{1.4e6, 1.4e6, 2e5}});
    other.Set("flops", Eigen::VectorXd{{1.4e6 / 4, 1.4e6 / 8, 2e5 / 8}});
    other.Set("intensity", Eigen::VectorXd{{0.25, 0.125, 0.125}});
    const auto predicted = Predict(*model, other);
    ASSERT_TRUE(predicted.ok()) << predicted.status();
    EXPECT_THAT(predicted->rows[0].beyond, ElementsAre("together")) << FamilyName(family);
    EXPECT_THAT(predicted->rows[1].beyond, ElementsAre());
    EXPECT_THAT(predicted->rows[2].beyond, ElementsAre());
    EXPECT_THAT(predicted->runs[0].beyond, ElementsAre("together"));
  }
}

// The published model knew no network whose macs were in depthwise convolutions.
TEST(Families, MacModelsFlagNetworksOfAnotherKind) {
  FeatureTable table = MakeLayers({});
  const auto model = FitFamily(table, {.family = Family::kMac});
  ASSERT_TRUE(model.ok());
  for (std::string& type : table.types) {
    if (type == "Conv") type = "DepthwiseConv";
  }
  const auto predicted = Predict(*model, table);
  ASSERT_TRUE(predicted.ok());
  for (const Prediction& run : predicted->runs) {
    EXPECT_THAT(run.beyond, Contains("depthwise_share"));
  }
}

TEST(Families, OneNetworkGivesNoIntervals) {
  const FeatureTable table = MakeLayers({.networks = 1});
  const auto model = FitFamily(table, {.family = Family::kLayerType});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(model->notes, Contains(HasSubstr("no intervals: fewer than two networks")));
  const auto predicted = Predict(*model, table);
  ASSERT_TRUE(predicted.ok());
  EXPECT_EQ(predicted->runs[0].low, predicted->runs[0].high);
}

TEST(Families, WhatNoPartKnowsIsNotPredicted) {
  FeatureTable table = MakeLayers({});
  const auto model = FitFamily(table, {.family = Family::kLayerType});
  ASSERT_TRUE(model.ok());
  table.types[0] = "LRN";
  const auto predicted = Predict(*model, table);
  ASSERT_TRUE(predicted.ok());
  EXPECT_FALSE(predicted->rows[0].is_known);
  EXPECT_FALSE(predicted->runs[0].is_known);
  EXPECT_THAT(predicted->rows[0].unknown_classes, ElementsAre("local-normalisation"));
  EXPECT_THAT(predicted->runs[0].unknown_classes, ElementsAre("local-normalisation"));
  EXPECT_TRUE(predicted->runs[1].is_known);
}

// No convolution tells what a depthwise one costs: it is said, and no other class stands in.
TEST(Families, ADepthwiseConvolutionIsNotPredictedByOthers) {
  FeatureTable table = MakeLayers({});
  for (const Family family : {Family::kLayerType, Family::kIndividual}) {
    const auto model = FitFamily(table, {.family = family});
    ASSERT_TRUE(model.ok());
    FeatureTable other = table;
    other.types[0] = other.types[1] = "DepthwiseConv";
    const auto predicted = Predict(*model, other);
    ASSERT_TRUE(predicted.ok()) << predicted.status();
    const Prediction& network = predicted->runs[0];
    EXPECT_FALSE(network.is_known);
    EXPECT_THAT(network.unknown_classes, ElementsAre("depthwise"));
    double others = 0;
    for (size_t i = 2; i < 30; ++i) others += predicted->rows[i].mean;
    EXPECT_NEAR(network.mean, others, 1e-12);
  }
}

// A feature that no term has says nothing of a network's energy, and flags nothing.
TEST(Families, NetworksAreFlaggedByWhatTheirTermsHaveAlone) {
  const FeatureTable table = MakeLayers({});
  FeatureTable other = table;
  for (FeatureColumn& column : other.features) {
    if (column.name == "bytes") column.values *= 1000;
  }
  for (const Family family : {Family::kMac, Family::kCounters, Family::kChain}) {
    const auto model = FitFamily(table, {.family = family});
    ASSERT_TRUE(model.ok()) << model.status();
    const auto predicted = Predict(*model, other);
    ASSERT_TRUE(predicted.ok()) << predicted.status();
    for (const Prediction& run : predicted->runs) EXPECT_TRUE(run.beyond.empty());
  }
  const auto chain = FitFamily(table, {.family = Family::kChain});
  for (FeatureColumn& column : other.features) {
    if (column.name == "macs") column.values *= 1000;
  }
  const auto predicted = Predict(*chain, other);
  ASSERT_TRUE(predicted.ok()) << predicted.status();
  for (const Prediction& run : predicted->runs) {
    EXPECT_THAT(run.beyond, ElementsAre("macs")) << "what it computes from them is none";
  }
}

}  // namespace
}  // namespace synergy
