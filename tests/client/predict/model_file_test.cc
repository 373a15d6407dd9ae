#include "client/predict/model_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "client/predict/families.h"
#include "tests/client/predict/synthetic_layers.h"

namespace synergy {
namespace {

using testing::HasSubstr;

EnergyModel Fitted() {
  EnergyModel model = *FitFamily(MakeLayers({}), {.family = Family::kLayerType});
  model.rail = "VDD_IN";
  model.conditions["board"] = "a \"board\"\n\x7f";
  return model;
}

TEST(ModelFile, ReadsBackWhatItWrote) {
  const EnergyModel model = Fitted();
  const auto read = ParseModel(ModelText(model), "m.toml");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(ModelText(*read), ModelText(model));
  EXPECT_EQ(read->conditions, model.conditions);
  const FeatureTable table = MakeLayers({.seed = 7});
  const auto a = Predict(model, table), b = Predict(*read, table);
  ASSERT_TRUE(a.ok() && b.ok());
  for (size_t i = 0; i < a->rows.size(); ++i) {
    EXPECT_EQ(a->rows[i].mean, b->rows[i].mean);
    EXPECT_EQ(a->rows[i].low, b->rows[i].low);
    EXPECT_EQ(a->rows[i].beyond, b->rows[i].beyond);
  }
}

std::string ErrorOf(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return std::string(ParseModel(text, "m.toml").status().message());
}

TEST(ModelFile, SaysWhatIsWrongAndWhere) {
  const std::string text = ModelText(Fitted());
  EXPECT_THAT(ErrorOf(text, "version = 4", "version = 5"), HasSubstr("m.toml: version 5"));
  EXPECT_THAT(ErrorOf(text, "\"layer-type\"", "\"layers\""), HasSubstr("is no family"));
  EXPECT_THAT(ErrorOf(text, "\"macs\"", "\"macs^\""), HasSubstr("is no product of features"));
  EXPECT_THAT(ErrorOf(text, "coefficients = [", "coefficients = [1, "),
              HasSubstr("numbers and should have"));
  EXPECT_THAT(ErrorOf(text, "target = \"energy\"", "target = \"energy\"\ncolour = 1"),
              HasSubstr("\"colour\" is no key"));
  EXPECT_THAT(ErrorOf(text, "[[part]]", "[[part"), HasSubstr("m.toml: line"));
  EXPECT_THAT(ErrorOf(text, "network_log_half_95 = ", "network_log_half_95 = -"),
              HasSubstr("must be 0 (not known) or above"));
  EXPECT_THAT(ErrorOf(text, "together_most = ", "together_most = -"),
              HasSubstr("must be a number above 0"));
  EXPECT_THAT(ErrorOf(text, "together_inverse = [", "together_inverse = [1, "),
              HasSubstr("numbers and should have"));
}

TEST(ModelFile, TermsWhoseFeaturesWereGuessesAreRefused) {
  FeatureTable table = MakeLayers({});
  table.Set("stride", table.Find("bytes")->cwiseSqrt());
  EnergyModel model = *FitFamily(table, {.family = Family::kIndividual});
  std::string text = ModelText(model);
  const std::string now = "version = 4";
  text.replace(text.find(now), now.size(), "version = 2");
  EXPECT_TRUE(ParseModel(text, "m.toml").ok()) << "a table says what its columns are";
  model.conditions["board"] = "TX1";
  EXPECT_TRUE(ParseModel(ModelText(model), "m.toml").ok());
  text = ModelText(model);
  text.replace(text.find(now), now.size(), "version = 2");
  EXPECT_THAT(std::string(ParseModel(text, "m.toml").status().message()),
              HasSubstr("guessed kernel and stride: fit the model again"));
}

// `text` with the first number behind `key` replaced.
std::string ErrorWithNumber(std::string text, const std::string& key, const std::string& number) {
  const size_t at = text.find(key + " = [") + key.size() + 4;
  text.replace(at, text.find(',', at) - at, number);
  return std::string(ParseModel(text, "m.toml").status().message());
}

TEST(ModelFile, NumbersThatCannotBeAreRefused) {
  const std::string text = ModelText(Fitted());
  EXPECT_THAT(ErrorWithNumber(text, "coefficients", "nan"), HasSubstr("not finite"));
  EXPECT_THAT(ErrorWithNumber(text, "ratio_95", "5.0"),
              HasSubstr("must go from at most 1 to at least 1"));
}

EnergyModel FittedOver(Family family) {
  FeatureTable table = MakeLayers({});
  table.Set("time", *table.Find("bytes") / 1e9);
  return *FitFamily(table, {.family = family});
}

struct Edit {
  const char* what;
  Family family;
  void (*edit)(EnergyModel*);
  const char* words;
};

TEST(ModelFile, ModelsThatNoFitWritesAreRefused) {
  const Edit edits[] = {
      {"variance", Family::kMac, [](EnergyModel* m) { m->parts[0].covariance(0, 0) = -1; },
       "\"covariance\" has a variance below 0"},
      {"covariance", Family::kLayerType, [](EnergyModel* m) { m->parts[0].covariance(0, 1) = 1; },
       "beyond the variances"},
      {"range", Family::kMac, [](EnergyModel* m) { m->parts[0].hull[0].low = std::nan(""); },
       "\"low\" is nan"},
      {"range", Family::kMac,
       [](EnergyModel* m) { std::swap(m->parts[0].hull[0].low, m->parts[0].hull[0].high); },
       "the range of 'macs' must go from"},
      {"coefficient", Family::kLayerType,
       [](EnergyModel* m) { m->parts[0].coefficients[0] = -1e-9; },
       "of convolution (energy) has a coefficient below 0"},
      {"coefficient", Family::kPhysical,
       [](EnergyModel* m) { m->parts.back().coefficients[0] = -1; },
       "of all (energy) has a coefficient below 0"},
      {"class", Family::kLayerType,
       [](EnergyModel* m) { m->parts[1].op_class = m->parts[0].op_class; },
       "of convolution (energy) is there twice"},
      {"family", Family::kMac, [](EnergyModel* m) { m->family = Family::kPhysical; },
       "has a range of depthwise_share, which whole networks alone have: the family 'physical'"},
      {"family", Family::kLayerType, [](EnergyModel* m) { m->family = Family::kMac; },
       "is of a class of operators: the family 'mac'"},
      {"family", Family::kLayerType, [](EnergyModel* m) { m->family = Family::kPhysical; },
       "must be of the time of a class, or of the energy of all"},
      {"family", Family::kPhysical, [](EnergyModel* m) { m->family = Family::kLayerType; },
       "must be of the energy of a class"},
      {"family", Family::kCounters, [](EnergyModel* m) { m->family = Family::kMac; },
       "has terms that are no powers of macs"},
      {"family", Family::kChain, [](EnergyModel* m) { m->family = Family::kCounters; },
       "has the target 'simd'"},
      {"interval", Family::kMac, [](EnergyModel* m) { m->network_log_half = 1000; },
       "\"network_log_half_95\" must be 0 (not known) or above, up to 50"},
  };
  for (const Edit& edit : edits) {
    EnergyModel model = FittedOver(edit.family);
    ASSERT_TRUE(ParseModel(ModelText(model), "m.toml").ok()) << edit.what;
    edit.edit(&model);
    const absl::Status status = ParseModel(ModelText(model), "m.toml").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << edit.what;
    EXPECT_THAT(std::string(status.message()), HasSubstr(edit.words));
  }
}

TEST(ModelFile, AFileThatWasCutIsNoModel) {
  const std::string text = ModelText(Fitted());
  const auto cut_at = [&](const char* table) {
    return std::string(ParseModel(text.substr(0, text.rfind(table)), "m.toml").status().message());
  };
  EXPECT_THAT(cut_at("[[part]]"), HasSubstr("says 2, and 1 follow"));
  EXPECT_THAT(cut_at("[[part.range]]"), HasSubstr("follow: the file was cut"));
}

}  // namespace
}  // namespace synergy
