#include "client/predict/term.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace synergy {

std::string Term::Text() const {
  std::string text;
  for (const Factor& factor : factors) {
    text += fmt::format("{}{}", text.empty() ? "" : "*", factor.feature);
    if (factor.power != 1) text += fmt::format("^{}", factor.power);
  }
  return text.empty() ? "1" : text;
}

bool Term::IsKnown(const FeatureTable& table) const {
  return std::ranges::all_of(factors,
                             [&](const Factor& f) { return table.Find(f.feature) != nullptr; });
}

Eigen::VectorXd Term::Values(const FeatureTable& table) const {
  Eigen::VectorXd values = Eigen::VectorXd::Ones(table.rows());
  for (const Factor& factor : factors) {
    values.array() *= table.Find(factor.feature)->array().pow(factor.power);
  }
  return values;
}

absl::StatusOr<Term> ParseTerm(std::string_view text) {
  constexpr int kMostPower = 9;
  Term term;
  if (text == "1") return term;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('*', at), text.size());
    const std::string_view part = text.substr(at, end - at);
    const size_t hat = std::min(part.find('^'), part.size());
    Term::Factor factor{.feature = std::string(part.substr(0, hat)), .power = 1};
    bool is_good = !factor.feature.empty();
    if (hat < part.size()) {
      const char* const last = part.data() + part.size();
      const auto [stop, error] = std::from_chars(part.data() + hat + 1, last, factor.power);
      is_good = is_good && error == std::errc() && stop == last && factor.power != 0 &&
                std::abs(factor.power) <= kMostPower;
    }
    if (!is_good) {
      return absl::InvalidArgumentError(fmt::format(
          "'{}' is no product of features: it is written as macs*frequency^2, powers up to {}",
          text, kMostPower));
    }
    term.factors.push_back(std::move(factor));
    at = end + 1;
  }
  return term;
}

std::vector<Term> Terms(std::initializer_list<std::string_view> texts) {
  std::vector<Term> terms;
  for (const std::string_view text : texts) terms.push_back(*ParseTerm(text));
  return terms;
}

Term Product(const Term& a, const Term& b) {
  Term product = a;
  for (const Term::Factor& factor : b.factors) {
    const auto same = std::ranges::find(product.factors, factor.feature, &Term::Factor::feature);
    if (same == product.factors.end()) {
      product.factors.push_back(factor);
    } else {
      same->power += factor.power;
    }
  }
  std::erase_if(product.factors, [](const Term::Factor& f) { return f.power == 0; });
  return product;
}

}  // namespace synergy
