#include "thalweg/model/saddle_chain.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"

namespace thalweg {
namespace {

constexpr double tau_value = std::numbers::e;

// A function of r = |x| with two derivatives in x, all in x's own sign.
struct Jet {
  double value = 0, first = 0, second = 0;
};

// h(|x|).
Jet potential(double x, double smoothness, double escape) {
  const double r = std::abs(x), t = tau_value;
  Jet h;
  if (r < t) {
    h = {-escape * r * r, -2 * escape * r, -2 * escape};
  } else if (r < 2 * t) {
    const double bend = 4 * smoothness - 2 * escape, past = r - t;
    h = {-escape * t * t - 2 * escape * t * past - bend * past * past / 2,
         -2 * escape * t - bend * past, -bend};
  } else {
    const double nu = (6 * smoothness + 2 * escape) * t * t, off = r - 4 * t;
    h = {smoothness * off * off - nu, 2 * smoothness * off, 2 * smoothness};
  }
  if (x < 0) h.first = -h.first;
  return h;
}

// s(|x|).
Jet switched(double x) {
  const double u = std::abs(x) / tau_value - 1;
  if (u < 0) return {};
  if (u >= 1) return {1, 0, 0};
  Jet s{u * u * (3 - 2 * u), 6 * u * (1 - u) / tau_value, (6 - 12 * u) / (tau_value * tau_value)};
  if (x < 0) s.first = -s.first;
  return s;
}

}  // namespace

// With b_i = h(|x_i|) - L x_i^2 and B_i = b_i + s_i B_{i+1}:  f = L |x|^2 + B_1, and
// df/dx_i = 2 L x_i + w_i q_i,  q_i = dB_i/dx_i = b_i' + s_i' B_{i+1}.
struct SaddleChainObjective::Pieces final : public Hessian {
  Pieces(const ConstVectorRef& x, const Options& options) : smoothness(options.smoothness) {
    const Index d = x.size();
    weights.resize(d);
    rest.setZero(d + 1);
    slopes.resize(d);
    switches.resize(static_cast<std::size_t>(d));
    bends.resize(d);
    double weight = 1;
    for (Index i = 0; i < d; ++i) {
      switches[static_cast<std::size_t>(i)] = switched(x[i]);
      weights[i] = weight;
      weight *= switches[static_cast<std::size_t>(i)].value;
    }
    for (Index i = d - 1; i >= 0; --i) {
      const Jet h = potential(x[i], options.smoothness, options.escape);
      const Jet& s = switches[static_cast<std::size_t>(i)];
      rest[i] = h.value - smoothness * x[i] * x[i] + s.value * rest[i + 1];
      slopes[i] = h.first - 2 * smoothness * x[i] + s.first * rest[i + 1];
      bends[i] = h.second - 2 * smoothness + s.second * rest[i + 1];
    }
  }

  // Derivatives along v: of B from the back, of w from the front.
  void apply(const ConstVectorRef& v, VectorRef hv) const override {
    const Index d = v.size();
    Vector along(d + 1);
    along[d] = 0;
    for (Index i = d - 1; i >= 0; --i)
      along[i] = slopes[i] * v[i] + switches[static_cast<std::size_t>(i)].value * along[i + 1];
    double weight_along = 0;
    for (Index i = 0; i < d; ++i) {
      const Jet& s = switches[static_cast<std::size_t>(i)];
      hv[i] = 2 * smoothness * v[i] + weight_along * slopes[i] +
              weights[i] * (bends[i] * v[i] + s.first * along[i + 1]);
      weight_along = weight_along * s.value + weights[i] * s.first * v[i];
    }
  }

  double smoothness;
  Vector weights;             // w, (d)
  Vector rest;                // B, (d + 1)
  Vector slopes, bends;       // q and dq_i/dx_i, (d)
  std::vector<Jet> switches;  // s, (d)
};

void SaddleChainObjective::Options::validate() const {
  OptionChecker check("saddle chain");
  check.require(dimension >= 1, "dimension", "be at least 1", static_cast<double>(dimension));
  check.require(smoothness > 0 && std::isfinite(smoothness), "smoothness", "be finite and above 0",
                smoothness);
  check.require(escape > 0 && std::isfinite(escape), "escape", "be finite and above 0", escape);
  check.throw_if_any();
}

SaddleChainObjective::SaddleChainObjective(Options options) : options_(options) {
  options_.validate();
}

double SaddleChainObjective::tau() { return tau_value; }

double SaddleChainObjective::value(const ConstVectorRef& x) const {
  return options_.smoothness * x.squaredNorm() + Pieces(x, options_).rest[0];
}

double SaddleChainObjective::value_and_gradient(const ConstVectorRef& x, VectorRef g) const {
  const Pieces at(x, options_);
  g = 2 * options_.smoothness * x + at.weights.cwiseProduct(at.slopes);
  return options_.smoothness * x.squaredNorm() + at.rest[0];
}

std::unique_ptr<Hessian> SaddleChainObjective::hessian(const ConstVectorRef& x) const {
  return std::make_unique<Pieces>(x, options_);
}

double SaddleChainObjective::lower_bound() const {
  const double nu = (6 * options_.smoothness + 2 * options_.escape) * tau_value * tau_value;
  return -nu * static_cast<double>(dimension());
}

std::string SaddleChainObjective::description() const {
  return fmt::format("chain of {} saddles", dimension());
}

Index SaddleChainObjective::passed(const ConstVectorRef& x) const {
  Index count = 0;
  while (count < x.size() && std::abs(x[count]) >= 2 * tau_value) ++count;
  return count;
}

Vector SaddleChainObjective::start(std::uint64_t seed) const {
  constexpr double low = 0.1, high = 1;
  RandomStream random(seed, "saddle-chain");
  Vector start(dimension());
  for (double& coordinate : start) coordinate = low + (high - low) * random.uniform();
  return start;
}

}  // namespace thalweg
