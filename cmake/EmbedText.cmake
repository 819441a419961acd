# Turns text files into one C++ source, so that the binary needs no data folder.
#   cmake -DROOT=dir -DOUTPUT=file.cpp -P EmbedText.cmake
# Every ROOT/*.csv and ROOT/csv/*.csv is embedded under its path relative to ROOT.
file(GLOB files RELATIVE ${ROOT} ${ROOT}/*.csv ${ROOT}/csv/*.csv)
set(entries "")
foreach(file ${files})
  file(READ ${ROOT}/${file} text)
  string(APPEND entries "    {\"${file}\",\n     R\"csv(${text})csv\"},\n")
endforeach()
set(source "// Generated from the data folder by cmake/EmbedText.cmake.
#include \"model/embedded.hpp\"

#include <utility>

namespace thalweg::nist {
namespace {

constexpr std::pair<std::string_view, std::string_view> texts[] = {
${entries}};

}  // namespace

std::string_view embedded_text(std::string_view path) {
  for (const auto& [name, text] : texts)
    if (name == path) return text;
  return {};
}

}  // namespace thalweg::nist
")
file(WRITE ${OUTPUT} "${source}")
