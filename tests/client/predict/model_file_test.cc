#include "client/predict/model_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  EXPECT_THAT(ErrorOf(text, "version = 3", "version = 4"), HasSubstr("m.toml: version 4"));
  EXPECT_THAT(ErrorOf(text, "\"layer-type\"", "\"layers\""), HasSubstr("is no family"));
  EXPECT_THAT(ErrorOf(text, "\"macs\"", "\"macs^\""), HasSubstr("is no product of features"));
  EXPECT_THAT(ErrorOf(text, "coefficients = [", "coefficients = [1, "),
              HasSubstr("numbers and should have"));
  EXPECT_THAT(ErrorOf(text, "target = \"energy\"", "target = \"energy\"\ncolour = 1"),
              HasSubstr("\"colour\" is no key"));
  EXPECT_THAT(ErrorOf(text, "[[part]]", "[[part"), HasSubstr("m.toml: line"));
  EXPECT_THAT(ErrorOf(text, "network_log_half_95 = ", "network_log_half_95 = -"),
              HasSubstr("must be 0 (not known) or above"));
}

TEST(ModelFile, TermsWhoseFeaturesWereGuessesAreRefused) {
  FeatureTable table = MakeLayers({});
  table.Set("stride", table.Find("bytes")->cwiseSqrt());
  EnergyModel model = *FitFamily(table, {.family = Family::kIndividual});
  std::string text = ModelText(model);
  const std::string now = "version = 3";
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
