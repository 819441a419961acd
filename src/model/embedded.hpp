// Text files of the data folder, compiled into the library (cmake/EmbedText.cmake).
#pragma once

#include <string_view>

namespace thalweg::nist {

/// The content of data/nist_strd/PATH; empty for an unknown path.
std::string_view embedded_text(std::string_view path);

}  // namespace thalweg::nist
