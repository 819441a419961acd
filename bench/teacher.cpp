// Seconds to a training error, Levenberg-Marquardt against L-BFGS of the same code.
//
// N rows of 8 inputs from N(0, I), target a seeded tanh teacher 8-16-1 with Glorot-normal weights,
// its output scaled to mean 0 and variance 1, no noise; student tanh, hidden widths 64, 64.
// Training error: mean squared error, which is twice the objective. Both methods start from the
// same parameters; per seed one after the other; medians over the seeds.

#include <cmath>

#include "bench.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/method/registry.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg::bench {
namespace {

constexpr Index inputs = 8, teacher_width = 16;

Matrix glorot(RandomStream& random, Index out, Index in) {
  Matrix w(out, in);
  const double deviation = std::sqrt(2.0 / static_cast<double>(in + out));
  for (Index i = 0; i < w.size(); ++i) w.data()[i] = deviation * random.normal();
  return w;
}

CompositeObjective teacher_problem(Index rows, const Network& student, std::uint64_t seed) {
  RandomStream random(seed, "teacher");
  Matrix x(rows, inputs);
  for (Index i = 0; i < x.size(); ++i) x.data()[i] = random.normal();
  const Matrix first = glorot(random, teacher_width, inputs);
  const Matrix second = glorot(random, 1, teacher_width);
  Matrix y = (x * first.transpose()).array().tanh().matrix() * second.transpose();
  y.array() -= y.mean();
  y /= std::sqrt(y.squaredNorm() / static_cast<double>(rows));
  return {student.on(std::move(x)), std::make_shared<SquaredLoss>(std::move(y))};
}

struct Reached {
  double seconds = 0;
  bool reached = false;
};

Reached seconds_to(const char* method, const CompositeObjective& problem, const Vector& start,
                   double error, double limit) {
  RunOptions options;
  options.stop = any_of({target_loss(error / 2), time_limit(limit), divergence()});
  const auto made = find_method(method).make({});
  Result result;
  const double seconds = seconds_of([&] { result = run(problem, *made, start, options); });
  return {seconds, result.value <= error / 2};
}

}  // namespace

Json teacher(const std::map<std::string, std::string>& given) {
  const Options options({{"rows", "1000"}, {"seeds", "5"}, {"digits", "6"}, {"limit", "60"}},
                        given);
  const double error = std::pow(10.0, -static_cast<double>(options.number("digits")));
  const auto limit = static_cast<double>(options.number("limit"));
  const Network student({.inputs = inputs, .hidden = {64, 64}, .outputs = 1});
  std::map<std::string, std::vector<double>> seconds;
  std::map<std::string, int> reached;
  for (Index seed = 1; seed <= options.number("seeds"); ++seed) {
    const auto key = static_cast<std::uint64_t>(seed);
    const CompositeObjective problem = teacher_problem(options.number("rows"), student, key);
    for (const char* method : {"levenberg-marquardt", "lbfgs"}) {
      const Reached run =
          seconds_to(method, problem, student.initial_parameters(key), error, limit);
      seconds[method].push_back(run.seconds);
      reached[method] += run.reached ? 1 : 0;
    }
  }
  Json result;
  result["training_error"] = error;
  result["limit_seconds"] = limit;
  for (const auto& [method, times] : seconds)
    result[method] = {
        {"seconds", median(times)}, {"reached", reached[method]}, {"runs", times.size()}};
  // A run that met the time limit counts with the limit: the ratio is then a lower bound.
  result["ratio"] = median(seconds["lbfgs"]) / median(seconds["levenberg-marquardt"]);
  return result;
}

}  // namespace thalweg::bench
