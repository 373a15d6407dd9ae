// Layers of made-up networks whose energies are known functions of their features.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <random>
#include <string>

#include "client/predict/feature_table.h"

namespace synergy {

struct SyntheticLayers {
  int networks = 12, layers = 30;
  double noise = 0.02;  // relative
  uint64_t seed = 1;
};

// Convolutions: 0.8 nJ a MAC, 0.15 nJ a byte, 30 uJ a call. Pooling: 0.5 nJ a byte, 10 uJ a call.
inline FeatureTable MakeLayers(const SyntheticLayers& o) {
  std::mt19937_64 random(o.seed);
  std::uniform_real_distribution<double> even(0, 1);
  std::normal_distribution<double> normal;
  const auto rows = static_cast<Eigen::Index>(o.networks * o.layers);
  FeatureTable table;
  table.energy_j = table.energy_sd_j = Eigen::VectorXd::Zero(rows);
  Eigen::VectorXd macs(rows), bytes(rows), simd(rows), bus(rows);
  for (Eigen::Index i = 0; i < rows; ++i) {
    const bool is_pool = i % 5 == 4;
    const Eigen::Index network = i / o.layers;
    table.networks.push_back(fmt::format("net{}", network));
    table.runs.push_back(table.networks.back());
    table.layers.push_back(fmt::format("layer{}", i % o.layers));
    table.types.push_back(is_pool ? "MaxPool" : "Conv");
    macs[i] = is_pool ? 0 : 1e6 * std::pow(300.0, even(random));
    bytes[i] = 1e5 * std::pow(30.0, even(random));
    simd[i] = 0.25 * macs[i] * (1 + 0.05 * normal(random)) + 1e3;
    bus[i] = 0.06 * simd[i] + 0.02 * bytes[i];
    const double energy =
        is_pool ? 0.5e-9 * bytes[i] + 10e-6 : 0.8e-9 * macs[i] + 0.15e-9 * bytes[i] + 30e-6;
    table.energy_j[i] = energy * (1 + o.noise * normal(random));
  }
  table.Set("macs", macs);
  table.Set("bytes", bytes);
  table.Set("simd", simd);
  table.Set("bus", bus);
  return table;
}

}  // namespace synergy
