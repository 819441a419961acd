// From a goal to the certificate: runs that begin, end or stay at saddles.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "thalweg/model/strict_saddle.hpp"
#include "thalweg/session/session.hpp"

namespace thalweg {
namespace {

Goal by(const std::string& method, std::map<std::string, std::string> options = {}) {
  Goal goal;
  goal.method = method;
  goal.method_options = std::move(options);
  return goal;
}

const Certificate* second_order(const Solved& solved) {
  const auto& all = solved.record.certificates;
  const auto found = std::ranges::find(all, "second-order", &Certificate::claim);
  return found == all.end() ? nullptr : &*found;
}

TEST(SaddleSession, StartingAtTheSaddleIsNoEndForMethodsThatLeaveIt) {
  const StrictSaddleObjective problem({.dimension = 3});
  const Vector saddle = Vector::Zero(3);
  for (const Goal& goal :
       {by("perturbed"), by("negative-curvature"), by("tamed", {{"perturbed", "true"}}),
        by("lbfgs", {{"escape", "on"}}), by("gd", {{"escape", "on"}})}) {
    const Solved solved = solve(problem, saddle, goal);
    EXPECT_EQ(solved.result.reason.outcome, Outcome::converged) << *goal.method;
    EXPECT_LT(solved.result.value, 1e-5) << *goal.method;
    ASSERT_TRUE(second_order(solved));
    EXPECT_EQ(second_order(solved)->kind, "minimum-like");
    ASSERT_TRUE(solved.record.escapes);
    EXPECT_GE(solved.record.escapes->count, 1);
  }
  const Solved stays = solve(problem, saddle, by("lbfgs"));
  EXPECT_EQ(stays.result.steps, 0);
  EXPECT_EQ(second_order(stays)->kind, "saddle");
  EXPECT_FALSE(stays.record.escapes);
}

TEST(SaddleSession, TheToleranceOfTheCertificateIsThatOfTheBoundAtTheStart) {
  const StrictSaddleObjective problem({.dimension = 2});
  const Solved solved = solve(problem, problem.start(), by("perturbed", {{"eps", "1e-3"}}));
  const double rho = problem.curvature_bound().third_derivative(4.25);
  EXPECT_NEAR(*second_order(solved)->bound, -std::sqrt(rho * 1e-3), 1e-12);
}

TEST(SaddleSession, TheRecordSurvivesItsJson) {
  const StrictSaddleObjective problem({.dimension = 2});
  const Solved solved = solve(problem, problem.start(), by("perturbed"));
  const std::string json = report::to_json(solved.record);
  EXPECT_EQ(report::to_json(report::from_json(json, "memory")), json);
  const std::string text = report::to_text(solved.record);
  EXPECT_NE(text.find("ended by the second-order certificate at step"), std::string::npos);
  EXPECT_NE(text.find("the waiting time alone would have ended it at step"), std::string::npos);
}

}  // namespace
}  // namespace thalweg
