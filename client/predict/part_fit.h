// One regression of a family: its rows, what it is fitted by, and its coefficients with and without
// one of the networks. Pure.
#pragma once

#include <Eigen/Dense>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "client/predict/energy_model.h"
#include "client/predict/feature_table.h"
#include "client/predict/linear_model.h"

namespace synergy {

struct PartPlan {
  std::string target = "energy";
  std::optional<OpClass> op_class = std::nullopt;
  std::vector<Term> terms;  // the more important ones first: few rows know the first ones alone
  bool non_negative = false;
  std::optional<Penalty> penalty = std::nullopt;
};

class PartFit {
 public:
  // `rows`: of the table, that the part is of; at least one, each with the target above 0.
  // `networks`: all that there are. Terms that are left out are told in `notes`.
  static absl::StatusOr<PartFit> Make(PartPlan plan, const FeatureTable& rows,
                                      const std::vector<std::string>& networks,
                                      std::vector<std::string>* notes);

  // Of all rows.
  ModelPart part() const;
  bool is_constant() const;  // whether it looks at no feature
  // As if `network` (its place) had not been there. Nothing: no rows are left, or nothing that
  // costs. `left_out`: the terms that count and that the other rows do not tell from others.
  std::optional<ModelPart> Without(size_t network, std::vector<std::string>* left_out) const;

 private:
  PartFit() = default;
  LinearOptions options(size_t terms) const;
  bool Looks(std::string_view feature) const;  // whether it matters how far that reached
  ChosenColumns TellApart(const Gram& gram) const;
  void Keep(const std::vector<Eigen::Index>& columns);
  void NoteLeftOut(const std::vector<Dependence>& left_out, std::vector<std::string>* notes) const;
  absl::Status LeaveOutTerms(std::vector<std::string>* notes);
  void AddUp();
  void NoteLikeness(std::vector<std::string>* notes) const;
  absl::Status FindStrength();
  absl::Status Fit(std::vector<std::string>* notes);
  void Reweigh();
  void SetRanges(const FeatureTable& rows);
  std::vector<std::string> names() const;
  absl::StatusOr<LinearFit> FitOf(const Gram& gram, const std::vector<Eigen::Index>& columns,
                                  double strength) const;
  ModelPart PartOf(const Gram& gram, const LinearFit& fit) const;

  PartPlan plan_;
  std::vector<size_t> network_of_row_;
  Eigen::MatrixXd x_;
  Eigen::VectorXd y_, sd_, weights_;
  double own_variance_ = 1;       // of the model, relative
  bool is_weighed_ = false;       // whether it, and so the weights, change no more
  std::vector<Gram> by_network_;  // of each network that there is
  std::optional<Gram> all_;
  // The same by the first weights, which say what rows tell apart: it does not change with a fit.
  std::vector<Gram> first_by_network_;
  double strength_ = 0;  // of the penalty
  // The same by errors of other networks alone, for `Without`.
  std::vector<double> strength_without_;
  LinearFit fit_;
  std::vector<FeatureRange> hull_;
  JointRange together_;
};

}  // namespace synergy
