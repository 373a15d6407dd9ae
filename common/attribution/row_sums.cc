#include "common/attribution/row_sums.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace synergy {

using Eigen::MatrixXd;
using Eigen::VectorXd;

RowSums::RowSums(Eigen::Index size, uint32_t lines_from)
    : lines_from_(lines_from),
      products_(MatrixXd::Zero(size, size)),
      firsts_(VectorXd::Zero(size)),
      seconds_(VectorXd::Zero(size)) {
  beside_.setZero(kBeside, size);
  between_.setZero();
}

void RowSums::Add(std::span<const RegressionRows::Entry> entries, double weight, double first,
                  double second) {
  size_t own = entries.size();
  while (own > 0 && entries[own - 1].parameter >= lines_from_) --own;
  SetLines(entries.subspan(own));
  Beside of_row = weight * values_;
  of_row[kFirst] = first;
  of_row[kSecond] = second;
  for (size_t i = 0; i < own; ++i) {
    const RegressionRows::Entry& a = entries[i];
    const double of_a = weight * a.weight;
    products_(a.parameter, a.parameter) += of_a * a.weight;
    for (size_t k = 0; k < i; ++k) {
      const RegressionRows::Entry& b = entries[k];
      const auto [low, high] = std::minmax(a.parameter, b.parameter);
      // Entries of one parameter stand beside each other in the square.
      const double both = low == high ? 2 : 1;
      products_(high, low) += both * of_a * b.weight;
    }
    beside_.col(a.parameter) += a.weight * of_row;
  }
  for (Eigen::Index i = 0; i < lines_; ++i) between_.col(i) += values_[i] * of_row;
}

const MatrixXd& RowSums::products() {
  Gather();
  return products_;
}

const VectorXd& RowSums::seconds() {
  Gather();
  return seconds_;
}

VectorXd RowSums::TakeFirsts() {
  GatherEntries(kFirst, &firsts_);
  return std::exchange(firsts_, VectorXd::Zero(firsts_.size()));
}

void RowSums::SetLines(std::span<const RegressionRows::Entry> entries) {
  bool is_same = std::ssize(entries) == lines_;
  for (size_t i = 0; i < entries.size() && is_same; ++i) {
    is_same = entries[i].parameter == parameters_[i];
  }
  if (!is_same) {
    Gather();
    lines_ = std::ssize(entries);
    values_.setZero();
    for (size_t i = 0; i < entries.size(); ++i) parameters_[i] = entries[i].parameter;
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    values_[static_cast<Eigen::Index>(i)] = entries[i].weight;
  }
}

void RowSums::Gather() {
  GatherEntries(kFirst, &firsts_);
  GatherEntries(kSecond, &seconds_);
  for (Eigen::Index i = 0; i < lines_; ++i) {
    const Eigen::Index at = parameters_[static_cast<size_t>(i)];
    products_.row(at) += beside_.row(i);
    for (Eigen::Index k = 0; k <= i; ++k) {
      const Eigen::Index other = parameters_[static_cast<size_t>(k)];
      products_(std::max(at, other), std::min(at, other)) += between_(k, i);
    }
  }
  beside_.setZero();
  between_.setZero();
}

void RowSums::GatherEntries(Eigen::Index which, VectorXd* sums) {
  *sums += beside_.row(which).transpose();
  beside_.row(which).setZero();
  for (Eigen::Index i = 0; i < lines_; ++i) {
    (*sums)[parameters_[static_cast<size_t>(i)]] += std::exchange(between_(which, i), 0);
  }
}

}  // namespace synergy
