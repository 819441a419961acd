// Two-class logistic regression with a ridge penalty on a sparse table: newton against LIBLINEAR.
//
// LIBLINEAR minimises  |w|^2 / 2 + C sum_i ln(1 + exp(-y_i w'x_i)),  newton that over C N. Both
// begin with the table in memory, each in the form its library takes, and train without an
// intercept. LIBLINEAR ends by its own default tolerance; newton ends at the first step at or below
// the objective that this program measures at LIBLINEAR's w.

#include <fmt/format.h>

#include <set>

#include "bench.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/data/table.hpp"
#include "thalweg/method/newton.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/run/run.hpp"

#ifdef THALWEG_WITH_LIBLINEAR
#include <linear.h>
#endif

namespace thalweg::bench {

#ifdef THALWEG_WITH_LIBLINEAR
namespace {

struct Data {
  SparseMatrix rows;        // (N, D)
  std::vector<int> labels;  // 0 or 1
};

// The numbers of a dense table but the last column, which holds the labels.
SparseMatrix sparse_of(const Table& table) {
  std::vector<Eigen::Triplet<double, int>> entries;
  for (std::size_t j = 0; j + 1 < table.columns.size(); ++j)
    for (std::size_t i = 0; i < table.columns[j].numbers.size(); ++i)
      if (const double value = table.columns[j].numbers[i]; value != 0)
        entries.emplace_back(static_cast<int>(i), static_cast<int>(j), value);
  SparseMatrix rows(table.rows(), static_cast<Index>(table.columns.size()) - 1);
  rows.setFromTriplets(entries.begin(), entries.end());
  return rows;
}

Data read(const std::string& path) {
  if (path.empty()) throw UsageError("logistic needs --data FILE, LIBSVM text or CSV");
  const Table table = read_table(path);
  const std::vector<double>& labels = table.columns.back().numbers;
  const std::set<double> classes(labels.begin(), labels.end());
  if (classes.size() != 2) throw DataError("the labels are not of two classes", path, "");
  Data data{table.is_sparse() ? table.sparse : sparse_of(table), {}};
  for (const double label : labels) data.labels.push_back(label == *classes.rbegin() ? 1 : 0);
  return data;
}

// The table as LIBLINEAR takes it: per row (index from 1, value), ended by index -1.
class LiblinearProblem {
 public:
  explicit LiblinearProblem(const Data& data) {
    for (Index i = 0; i < data.rows.rows(); ++i) {
      starts_.push_back(nodes_.size());
      for (SparseMatrix::InnerIterator entry(data.rows, i); entry; ++entry)
        nodes_.push_back({static_cast<int>(entry.col()) + 1, entry.value()});
      nodes_.push_back({-1, 0});
      signs_.push_back(data.labels[static_cast<std::size_t>(i)] == 1 ? 1 : -1);
    }
    for (const std::size_t start : starts_) rows_.push_back(&nodes_[start]);
    problem_ = {static_cast<int>(data.rows.rows()), static_cast<int>(data.rows.cols()),
                signs_.data(), rows_.data(), -1};
  }

  // The parameters found, positive for class 1.
  Vector train(int solver, double c) const {
    parameter options{};
    options.solver_type = solver;
    options.eps = solver == L2R_LR ? 0.01 : 0.1;  // the defaults of liblinear-train
    options.C = c;
    options.p = 0.1;
    ::model* found = ::train(&problem_, &options);
    Vector w(problem_.n);
    for (int j = 0; j < problem_.n; ++j) w[j] = found->w[j];
    if (found->label[0] != 1) w = -w;
    free_and_destroy_model(&found);
    return w;
  }

 private:
  std::vector<feature_node> nodes_;
  std::vector<std::size_t> starts_;
  std::vector<feature_node*> rows_;
  std::vector<double> signs_;
  ::problem problem_{};
};

LinearObjective make_objective(const Data& data, double c) {
  const auto samples = static_cast<double>(data.rows.rows());
  return {std::make_shared<LinearModel>(data.rows, Vector(), Vector(),
                                        LinearModel::Options{.outputs = 1, .intercept = false}),
          std::make_shared<CrossEntropyLoss>(data.labels, 2), 1 / (c * samples)};
}

Result train(const Data& data, double c, double target) {
  const LinearObjective objective = make_objective(data, c);
  RunOptions options;
  options.stop = any_of({target_loss(target), max_steps(1000)});
  return run(objective, Newton(), Vector::Zero(objective.dimension()), options);
}

Json compare(const Data& data, const LiblinearProblem& peer, int solver, double c) {
  const LinearObjective objective = make_objective(data, c);
  Vector w;
  const double once = seconds_of([&] { w = peer.train(solver, c); });
  const double target = objective.value(w);
  std::vector<double> seconds, peer_seconds;
  Result result;
  const int repeats = repeats_for(2 * once);
  for (int repeat = 0; repeat < repeats; ++repeat) {
    peer_seconds.push_back(seconds_of([&] { w = peer.train(solver, c); }));
    seconds.push_back(seconds_of([&] { result = train(data, c, target); }));
  }
  return {{"liblinear_seconds", median(peer_seconds)},
          {"liblinear_value", target},
          {"seconds", median(seconds)},
          {"value", result.value},
          {"reached", result.value <= target},
          {"steps", result.steps},
          {"passes", result.evaluations},
          {"ratio", median(seconds) / median(peer_seconds)}};
}

}  // namespace

Json logistic(const std::map<std::string, std::string>& given) {
  const Options options({{"data", ""}, {"c", "0.1,1,10"}, {"solvers", "0,7"}}, given);
  const Data data = read(options.text("data"));
  const LiblinearProblem peer(data);
  set_print_string_function([](const char*) {});
  Json result = {{"rows", data.rows.rows()},
                 {"columns", data.rows.cols()},
                 {"entries", data.rows.nonZeros()},
                 {"liblinear_version", liblinear_version}};
  for (const double c : options.reals("c"))
    for (const double solver : options.reals("solvers"))
      result[fmt::format("c={:g} solver={:g}", c, solver)] =
          compare(data, peer, static_cast<int>(solver), c);
  return result;
}

#else

Json logistic(const std::map<std::string, std::string>&) {
  throw RefusedError("this build found no LIBLINEAR to compare with",
                     "install liblinear-dev and configure again");
}

#endif

}  // namespace thalweg::bench
