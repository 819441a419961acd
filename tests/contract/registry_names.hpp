// The registry as parameters of tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "thalweg/method/registry.hpp"

namespace thalweg::contract {

inline std::vector<std::string> method_names() {
  std::vector<std::string> names;
  for (const MethodInfo& info : methods()) names.push_back(info.name);
  return names;
}

/// GoogleTest allows letters, digits and underscores.
inline std::string identifier(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

inline std::string test_name(const testing::TestParamInfo<std::string>& info) {
  return identifier(info.param);
}

}  // namespace thalweg::contract
