// Stored models: the same bytes, the same predictions, and no crash on any file.
#include "thalweg/model/trained_model.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"

namespace thalweg {
namespace {

Table parse(const std::string& bytes) { return parse_csv(bytes, "t.csv"); }

TrainedModel model_of(const std::string& bytes, Network::Options options) {
  DatasetOptions choice;
  choice.targets = {"y"};
  choice.task = Task::automatic;
  Encoding encoding = make_dataset(parse(bytes), choice).encoding;
  options.inputs = encoding.inputs();
  options.outputs = encoding.outputs();
  Network network(options);
  Vector parameters = network.initial_parameters(5);
  return {std::move(network), std::move(encoding), std::move(parameters)};
}

const char* const regression_table = "a,b,y\n1,4,2.5\n2,1,3.5\n3,9,-1.5\n4,2,0.25\n";
const char* const new_table = "b,extra,a\n4,x,1\n7,y,2\n";

TrainedModel some_model() {
  Network::Options options;
  options.hidden = {3, 2};
  options.activation = Activation::softplus;
  options.parametrization = Parametrization::inverse_sqrt_width;
  options.output_scale = 0.1;
  return model_of(regression_table, options);
}

class TrainedModelFile : public testing::Test {
 protected:
  TrainedModelFile() { std::filesystem::create_directories(folder_); }
  ~TrainedModelFile() override { std::filesystem::remove_all(folder_); }
  std::string bytes_of(const TrainedModel& model) const {
    model.save(path_);
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  TrainedModel load(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary) << bytes;
    return TrainedModel::load(path_);
  }
  /// The model with one thing changed in the file.
  template <class Change>
  void expect_refused(const Change& change) const {
    some_model().save(path_);
    TensorFile file = TensorFile::read(path_);
    change(file);
    file.write(path_);
    EXPECT_THROW(TrainedModel::load(path_), DataError);
  }
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("thalweg-model-test-" + std::to_string(::getpid()));
  std::filesystem::path path_ = folder_ / "model.safetensors";
};

TEST_F(TrainedModelFile, ComesBackAsItWas) {
  const TrainedModel model = some_model();
  const std::string bytes = bytes_of(model);
  const TrainedModel loaded = TrainedModel::load(path_);
  EXPECT_EQ(loaded.parameters, model.parameters);
  EXPECT_EQ(loaded.network.options().hidden, model.network.options().hidden);
  EXPECT_EQ(loaded.network.options().activation, Activation::softplus);
  EXPECT_EQ(loaded.network.options().parametrization, Parametrization::inverse_sqrt_width);
  EXPECT_EQ(loaded.network.options().output_scale, 0.1);
  EXPECT_EQ(loaded.predict(parse(new_table)), model.predict(parse(new_table)));
  EXPECT_EQ(bytes_of(loaded), bytes);
  EXPECT_EQ(TrainedModel::load(folder_).parameters, model.parameters);  // a run folder
}

TEST_F(TrainedModelFile, RefusesOtherFiles) {
  EXPECT_THROW(TrainedModel::load(folder_ / "absent.safetensors"), DataError);
  EXPECT_THROW(TrainedModel::load(folder_), DataError);  // no model in it
  EXPECT_THROW(load(""), DataError);
  EXPECT_THROW(load(regression_table), DataError);
  EXPECT_THROW(load(std::string(8, '\xFF')), DataError);
}

TEST_F(TrainedModelFile, RefusesEveryTruncation) {
  const std::string bytes = bytes_of(some_model());
  for (std::size_t length = 0; length < bytes.size(); length += 3)
    EXPECT_THROW(load(bytes.substr(0, length)), DataError) << length;
}

TEST_F(TrainedModelFile, RefusesPartsThatContradictEachOther) {
  using nlohmann::json;
  expect_refused([](TensorFile& f) { f.metadata.erase("format"); });
  expect_refused([](TensorFile& f) { f.metadata["format"] = "thalweg-model/999"; });
  expect_refused([](TensorFile& f) { f.metadata.erase("network"); });
  expect_refused([](TensorFile& f) { f.tensors.erase("parameters"); });
  expect_refused([](TensorFile& f) { f.put("parameters", Vector(Vector::Ones(5))); });
  expect_refused([](TensorFile& f) {
    Vector parameters = f.vector("parameters");
    parameters[0] = std::nan("");
    f.put("parameters", parameters);
  });
  const auto with = [](const char* key, const json& value) {
    return [=](TensorFile& f) {
      json network = json::parse(f.metadata["network"]);
      network[key] = value;
      f.metadata["network"] = network.dump();
    };
  };
  const std::int64_t huge = std::int64_t{1} << 62;
  for (const json& value : {json(-1), json(0), json(3), json(2.5), json("2"), json(), json(huge)}) {
    expect_refused(with("inputs", value));
    expect_refused(with("outputs", value));
    expect_refused(with("hidden", json::array({value})));
  }
  expect_refused(with("hidden", json::array({std::int64_t{1} << 40, std::int64_t{1} << 40})));
  expect_refused(with("hidden", 3));
  expect_refused(with("activation", "step"));
  expect_refused(with("activation", 7));
  expect_refused(with("parametrization", "other"));
  for (const json& value : {json(false), json(1), json("no"), json()})  // there are hidden layers
    expect_refused(with("intercept", value));
  for (const json& value : {json(0), json(-1), json(), json("1")})
    expect_refused(with("output_scale", value));
}

TEST_F(TrainedModelFile, KeepsWhetherThereIsAnIntercept) {
  Network::Options options;
  options.intercept = false;
  TrainedModel model = model_of(regression_table, options);
  ASSERT_EQ(model.parameters.size(), 2);
  model.parameters << 0.5, -2;
  bytes_of(model);
  const TrainedModel loaded = TrainedModel::load(path_);
  EXPECT_FALSE(loaded.network.options().intercept);
  EXPECT_EQ(loaded.predict(parse(new_table)), model.predict(parse(new_table)));

  TensorFile file = TensorFile::read(path_);
  nlohmann::json network = nlohmann::json::parse(file.metadata["network"]);
  network.erase("intercept");  // as older files have it: with intercept, so a parameter is missing
  file.metadata["network"] = network.dump();
  file.write(path_);
  EXPECT_THROW(TrainedModel::load(path_), DataError);
  file.put("parameters", Vector(Vector::Ones(3)));
  file.write(path_);
  EXPECT_TRUE(TrainedModel::load(path_).network.options().intercept);
}

TEST_F(TrainedModelFile, ChangedBytesGiveAModelOrAnError) {
  const std::string bytes = bytes_of(some_model());
  RandomStream random(3, "model fuzz");
  int accepted = 0, refused = 0;
  for (int i = 0; i < 1500; ++i) {
    std::string changed = bytes;
    for (auto k = 1 + random.below(3); k > 0; --k)
      changed[random.below(changed.size())] = static_cast<char>(random.below(256));
    try {
      load(changed).predict(parse(new_table));
      ++accepted;
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(accepted, 50);  // changed numbers
  EXPECT_GT(refused, 500);
}

TEST(TrainedModel, PredictsInTargetUnits) {
  // A linear model is checked by hand: y = mean + scale (w'x + c), x standardized.
  const TrainedModel model = model_of(regression_table, {});
  const Encoding& encoding = model.encoding;
  const Matrix predicted = model.predict(parse(new_table));
  const double raw[2][2] = {{1, 4}, {2, 7}};  // columns a, b
  ASSERT_EQ(predicted.rows(), 2);
  for (Index i = 0; i < 2; ++i) {
    double output = model.parameters[2];
    for (Index j = 0; j < 2; ++j)
      output +=
          model.parameters[j] * (raw[i][j] - encoding.input_mean[j]) / encoding.input_scale[j];
    EXPECT_NEAR(predicted(i, 0), encoding.target_mean[0] + encoding.target_scale[0] * output,
                1e-12);
  }
}

TEST(TrainedModel, PredictsTheSameOnBothFormats) {
  RandomStream random(8, "sparse rows");
  std::string libsvm, csv = "y,x0,x1,x2,x3,x4\n";
  for (int i = 0; i < 60; ++i) {
    const std::string label = std::to_string(i % 3);
    libsvm += label;
    csv += label;
    for (int j = 0; j < 5; ++j) {
      const std::string value = random.below(2) == 0 ? "0" : std::to_string(random.normal());
      if (value != "0") libsvm += " " + std::to_string(j + 1) + ":" + value;
      csv += "," + value;
    }
    libsvm += "\n";
    csv += "\n";
  }
  const Table sparse = parse_libsvm(libsvm, "t.svm");
  for (const std::vector<Index>& hidden : {std::vector<Index>{}, std::vector<Index>{7}})
    for (const bool intercept : {true, false}) {
      if (!hidden.empty() && !intercept) continue;
      Network::Options options;
      options.hidden = hidden;
      options.intercept = intercept;
      TrainedModel model = model_of(csv, options);
      model.parameters = RandomStream(9, "parameters").normal_vector(model.parameters.size());
      const Matrix expected = model.predict(parse(csv)), predicted = model.predict(sparse);
      ASSERT_EQ(predicted.cols(), 3);
      EXPECT_LT((predicted - expected).cwiseAbs().maxCoeff(), 1e-13);
    }
}

TEST(TrainedModel, SparseRowsGoThroughANetworkInBlocks) {
  // More numbers than one block has: 2100 rows of 2001 inputs.
  std::string libsvm;
  for (int i = 0; i < 2100; ++i)
    libsvm += std::to_string(i % 2) + " " + std::to_string(i % 2000 + 1) + ":" +
              std::to_string(1 + i % 7) + " 2001:" + std::to_string(i % 5) + "\n";
  const Table table = parse_libsvm(libsvm, "t.svm");
  Encoding encoding = make_dataset(table, {}).encoding;
  const Network network({.inputs = encoding.inputs(), .hidden = {3}, .outputs = 1});
  ASSERT_GT(encoding.inputs() * table.rows(), Index{1} << 22);
  const TrainedModel model{network, encoding, network.initial_parameters(2)};
  const Matrix margins = network.predict(model.parameters, encoding.encode(table));
  const Matrix predicted = model.predict(table);
  for (Index i = 0; i < table.rows(); ++i)
    ASSERT_NEAR(predicted(i, 1), 1 / (1 + std::exp(-margins(i, 0))), 1e-14) << i;
}

TEST(TrainedModel, PredictsProbabilities) {
  TrainedModel two = model_of("a,y\n1,p\n2,q\n", {});
  two.parameters << 2, 0.5;  // inputs -1 and 1: margins -1.5 and 2.5
  const Matrix p = two.predict(parse("a,z\n1,0\n2,0\n"));
  ASSERT_EQ(p.cols(), 2);
  EXPECT_NEAR(p(0, 1), 1 / (1 + std::exp(1.5)), 1e-15);
  EXPECT_NEAR(p(1, 1), 1 / (1 + std::exp(-2.5)), 1e-15);
  EXPECT_NEAR(p(0, 0), 1 - p(0, 1), 1e-15);
  two.parameters << 700, 0;  // the small probability keeps its digits
  EXPECT_DOUBLE_EQ(two.predict(parse("a,z\n1,0\n2,0\n"))(0, 1), std::exp(-700.0));

  TrainedModel three = model_of("a,y\n1,p\n2,q\n3,r\n", {});
  three.parameters << 0, 0, 0, 1000, 1000 + std::log(2.0), 1000 + std::log(5.0);
  const Matrix q = three.predict(parse("a,z\n1,0\n2,0\n"));
  EXPECT_NEAR(q(0, 0), 1.0 / 8, 1e-12);
  EXPECT_NEAR(q(0, 1), 2.0 / 8, 1e-12);
  EXPECT_NEAR(q(1, 2), 5.0 / 8, 1e-12);
}

}  // namespace
}  // namespace thalweg
