#include "thalweg/core/error.hpp"

#include <gtest/gtest.h>

namespace thalweg {
namespace {

TEST(Error, SaysWhereWhatAndRemedy) {
  EXPECT_STREQ(DataError("\"x\" is not a number", "a.csv:3:2", "write 1").what(),
               "a.csv:3:2: \"x\" is not a number; write 1");
  EXPECT_STREQ(UsageError("no such method").what(), "no such method");
  EXPECT_STREQ(RefusedError("too large", "use lbfgs").what(), "too large; use lbfgs");
}

TEST(Error, KnowsItsKind) {
  EXPECT_EQ(UsageError("x").kind(), ErrorKind::usage);
  EXPECT_EQ(DataError("x", "y").kind(), ErrorKind::data);
  EXPECT_EQ(RefusedError("x").kind(), ErrorKind::refused);
}

TEST(OptionChecker, ReportsEveryViolationAtOnce) {
  OptionChecker checker("adam");
  checker.require(true, "epsilon", "be above 0", 1);
  checker.require(false, "stepsize", "be above 0", -0.5);
  checker.require(false, "memory and trials exclude each other");
  try {
    checker.throw_if_any();
    FAIL() << "nothing thrown";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.where(), "adam");
    EXPECT_EQ(error.problem(),
              "stepsize must be above 0, got -0.5; memory and trials exclude each other");
  }
}

TEST(OptionChecker, IsSilentWhenAllHolds) {
  OptionChecker checker("adam");
  checker.require(true, "stepsize", "be above 0", 1);
  EXPECT_NO_THROW(checker.throw_if_any());
}

}  // namespace
}  // namespace thalweg
