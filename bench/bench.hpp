// What the benchmark cases share: options, clock, medians, the machine's own matrix product rate.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "thalweg/core/types.hpp"

namespace thalweg::bench {

using Json = nlohmann::ordered_json;

/// Options --NAME VALUE of one case, with defaults; an unknown one is a usage error.
class Options {
 public:
  /// `defaults` names every option of the case. Throws UsageError for others.
  Options(std::map<std::string, std::string> defaults,
          const std::map<std::string, std::string>& given);
  Index number(const std::string& name) const;                ///< a positive whole number
  std::vector<Index> numbers(const std::string& name) const;  ///< separated by commas
  std::vector<double> reals(const std::string& name) const;   ///< not negative, separated by commas
  const std::string& text(const std::string& name) const { return values_.at(name); }

 private:
  std::map<std::string, std::string> values_;
};

/// With one thread the processor time of this process, in which other load of the machine does not
/// count; with several the wall clock.
double seconds_of(const std::function<void()>& work);
double median(std::vector<double> values);

/// Repeats worth taking of rounds that last `seconds`: about four seconds in all, 5 to 100 rounds.
int repeats_for(double seconds);

/// The best rate of a matrix product 2048^3 among all measurements so far, in flops per second,
/// with the threads of this process. Measure beside the work it is compared with.
class MatrixProductRate {
 public:
  MatrixProductRate();
  void measure();
  double best() const { return best_; }

 private:
  Matrix a_, b_, c_;
  double best_ = 0;
};

/// A seeded (rows, cols) matrix of standard normal numbers.
Matrix normal_matrix(Index rows, Index cols, const char* name);

// The cases; each returns the object that docs/benchmarks.md describes.
Json step(const std::map<std::string, std::string>& given);
Json normal(const std::map<std::string, std::string>& given);
Json csv(const std::map<std::string, std::string>& given);
Json teacher(const std::map<std::string, std::string>& given);
Json logistic(const std::map<std::string, std::string>& given);
Json escape(const std::map<std::string, std::string>& given);
Json batch(const std::map<std::string, std::string>& given);
Json watching(const std::map<std::string, std::string>& given);
Json margin_pass(const std::map<std::string, std::string>& given);

}  // namespace thalweg::bench
