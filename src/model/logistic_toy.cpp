#include "thalweg/model/logistic_toy.hpp"

#include "thalweg/model/margin_losses.hpp"

namespace thalweg {

std::vector<int> logistic_toy_labels() { return {1, 1, 0, 0}; }

std::shared_ptr<const LinearObjective> logistic_toy(std::shared_ptr<const OutputLoss> loss,
                                                    double ridge) {
  Matrix rows(4, 2);
  rows << 1, 0.2,  //
      -2, 0.2,     //
      -1, -0.2,    //
      2, -0.2;
  return std::make_shared<LinearObjective>(
      std::make_shared<LinearModel>(rows, LinearModel::Options{.outputs = 1, .intercept = false}),
      std::move(loss), ridge);
}

std::shared_ptr<const LinearObjective> logistic_toy() {
  return logistic_toy(std::make_shared<CrossEntropyLoss>(logistic_toy_labels(), 2));
}

}  // namespace thalweg
