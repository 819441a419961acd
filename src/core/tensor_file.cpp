#include "thalweg/core/tensor_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr std::size_t length_bytes = 8;            // of the header length
constexpr std::size_t element_bytes = 8;           // of F64 and I64
constexpr std::size_t header_limit = 100'000'000;  // as the reference implementation has it
constexpr const char* metadata_key = "__metadata__";
constexpr const char* remedy = "give a file written by thalweg, or train again";

using Json = nlohmann::json;

[[noreturn]] void reject(const std::string& origin, const std::string& problem) {
  throw DataError(problem, origin, remedy);
}

// The number of elements of a shape, or a rejection when it is negative or overflows.
std::size_t element_count(const std::vector<Index>& shape, const std::string& name,
                          const std::string& origin) {
  std::size_t count = 1;
  for (const Index extent : shape) {
    const auto n = static_cast<std::size_t>(extent);
    if (extent < 0 || (n != 0 && count > std::numeric_limits<std::size_t>::max() / n))
      reject(origin, fmt::format("tensor '{}' has an impossible shape", name));
    count *= n;
  }
  return count;
}

// Refuses what the format forbids and what would cost memory or stack: duplicate keys, deep
// nesting. (The parser itself keeps the last of two equal keys.)
class StrictCallback {
 public:
  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    constexpr int deepest = 3;  // header, entry, array
    if (depth > deepest) throw std::invalid_argument("nested too deeply");
    if (event == Json::parse_event_t::object_start) keys_.emplace_back();
    if (event == Json::parse_event_t::object_end) keys_.pop_back();
    if (event == Json::parse_event_t::key &&
        !keys_.back().insert(parsed.get_ref<const std::string&>()).second)
      throw std::invalid_argument("a name occurs twice");
    return true;
  }

 private:
  std::vector<std::set<std::string>> keys_;
};

Json parse_header(const std::string& bytes, std::size_t header_bytes, const std::string& origin) {
  const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(length_bytes);
  try {
    // A reference: nlohmann copies the callback, and its key sets must be one.
    StrictCallback strict;
    Json header = Json::parse(begin, begin + static_cast<std::ptrdiff_t>(header_bytes),
                              [&strict](int depth, Json::parse_event_t event, Json& parsed) {
                                return strict(depth, event, parsed);
                              });
    if (!header.is_object()) reject(origin, "the header is not a JSON object");
    return header;
  } catch (const Json::exception&) {
    reject(origin, "the header is not valid JSON");
  } catch (const std::invalid_argument& error) {
    reject(origin, fmt::format("the header is not valid: {}", error.what()));
  }
}

std::map<std::string, std::string> parse_metadata(const Json& entry, const std::string& origin) {
  if (!entry.is_object()) reject(origin, "the metadata is not a JSON object");
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : entry.items()) {
    if (!value.is_string())
      reject(origin, fmt::format("the metadata value of '{}' is not a string", key));
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

// A JSON array of integers in 0 .. 2^62.
std::vector<Index> parse_integers(const Json& entry, const char* key, const std::string& name,
                                  const std::string& origin) {
  std::vector<Index> integers;
  const bool is_array = entry.contains(key) && entry.at(key).is_array();
  if (!is_array) reject(origin, fmt::format("tensor '{}' has no {}", name, key));
  for (const Json& item : entry.at(key)) {
    constexpr std::uint64_t largest = std::uint64_t{1} << 62;
    if (!item.is_number_unsigned() || item.get<std::uint64_t>() > largest)
      reject(origin, fmt::format("tensor '{}' has an impossible number in {}", name, key));
    integers.push_back(static_cast<Index>(item.get<std::uint64_t>()));
  }
  return integers;
}

struct Extent {  // of a tensor in the data section, bytes
  std::size_t begin, end;
};

Extent parse_extent(const Json& entry, const std::string& name, const std::string& origin,
                    std::size_t data_bytes) {
  const std::vector<Index> offsets = parse_integers(entry, "data_offsets", name, origin);
  if (offsets.size() != 2) reject(origin, fmt::format("tensor '{}' has no data_offsets", name));
  const Extent extent{static_cast<std::size_t>(offsets[0]), static_cast<std::size_t>(offsets[1])};
  if (extent.begin > extent.end || extent.end > data_bytes)
    reject(origin, fmt::format("tensor '{}' reaches beyond the end of the file; it is truncated "
                               "or damaged",
                               name));
  return extent;
}

template <class T>
std::vector<T> copy_elements(const char* data, std::size_t count) {
  std::vector<T> values(count);
  if (count > 0) std::memcpy(values.data(), data, count * sizeof(T));
  return values;
}

Tensor parse_tensor(const Json& entry, const std::string& name, const std::string& origin,
                    const char* data, const Extent& extent) {
  Tensor tensor;
  tensor.shape = parse_integers(entry, "shape", name, origin);
  const std::size_t count = element_count(tensor.shape, name, origin);
  const std::size_t size = extent.end - extent.begin;
  if (size % element_bytes != 0 || count != size / element_bytes)
    reject(origin,
           fmt::format("tensor '{}' has a shape that its {} bytes do not fill", name, size));
  const Json type = entry.value("dtype", Json());
  if (type == "F64") {
    tensor.values = copy_elements<double>(data + extent.begin, count);
  } else if (type == "I64") {
    tensor.values = copy_elements<std::int64_t>(data + extent.begin, count);
  } else {
    reject(origin, fmt::format("tensor '{}' is neither F64 nor I64", name));
  }
  return tensor;
}

// The format wants the data section filled without holes and overlaps.
void require_gapless(std::vector<Extent> extents, std::size_t data_bytes,
                     const std::string& origin) {
  std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  std::size_t position = 0;
  for (const Extent& extent : extents) {
    if (extent.begin != position) reject(origin, "tensors overlap or leave holes");
    position = extent.end;
  }
  if (position != data_bytes) reject(origin, "there are bytes that belong to no tensor");
}

const char* data_of(const Tensor& tensor) {
  return std::visit([](const auto& v) { return reinterpret_cast<const char*>(v.data()); },
                    tensor.values);
}

std::size_t size_of(const Tensor& tensor) {
  return element_bytes * std::visit([](const auto& v) { return v.size(); }, tensor.values);
}

std::string system_message(int code) { return std::generic_category().message(code); }

[[noreturn]] void cannot_write(const std::filesystem::path& path, int code) {
  throw DataError("cannot be written: " + system_message(code), path.string(),
                  "choose a folder that exists, is writable and has space");
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int value) : value_(value) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const { return value_; }
  bool close() { return ::close(std::exchange(value_, -1)) == 0; }

 private:
  int value_;
};

bool write_all(int descriptor, const std::string& content) {
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t n = ::write(descriptor, content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

// Makes the rename itself durable. Some file systems cannot flush a folder; the file is whole
// either way.
void flush_folder(const std::filesystem::path& folder) {
  const FileDescriptor descriptor(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() >= 0) ::fsync(descriptor.get());
}

void write_in_place(const std::filesystem::path& path, const std::string& content) {
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0 || !write_all(file.get(), content) || !file.close()) cannot_write(path, errno);
}

void replace_file(const std::filesystem::path& path, const std::string& content) {
  std::filesystem::path temporary = path;
  temporary += ".tmp";  // one fixed name: what a killed process leaves, the next write replaces
  FileDescriptor file(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (file.get() < 0) cannot_write(path, errno);
  const bool written = write_all(file.get(), content) && ::fsync(file.get()) == 0 && file.close();
  if (!written || ::rename(temporary.c_str(), path.c_str()) != 0) {
    const int code = errno;
    ::unlink(temporary.c_str());
    cannot_write(path, code);
  }
  flush_folder(path.parent_path());
}

}  // namespace

void TensorFile::put(const std::string& name, const Vector& v) {
  tensors[name] = {{v.size()}, std::vector<double>(v.data(), v.data() + v.size())};
}

void TensorFile::put(const std::string& name, const Matrix& m) {
  std::vector<double> values(static_cast<std::size_t>(m.size()));
  Eigen::Map<Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
      values.data(), m.rows(), m.cols()) = m;
  tensors[name] = {{m.rows(), m.cols()}, std::move(values)};
}

void TensorFile::put(const std::string& name, double value) {
  tensors[name] = {{}, std::vector<double>{value}};
}

void TensorFile::put(const std::string& name, std::int64_t value) {
  tensors[name] = {{}, std::vector<std::int64_t>{value}};
}

void TensorFile::put(const std::string& name, std::vector<std::int64_t> values) {
  tensors[name] = {{static_cast<Index>(values.size())}, std::move(values)};
}

bool TensorFile::has(const std::string& name) const { return tensors.count(name) > 0; }

template <class T>
const std::vector<T>& TensorFile::values(const std::string& name, std::size_t dimensions,
                                         const std::vector<Index>** shape) const {
  const auto found = tensors.find(name);
  if (found == tensors.end()) reject(origin, fmt::format("there is no tensor '{}'", name));
  const Tensor& tensor = found->second;
  const auto* numbers = std::get_if<std::vector<T>>(&tensor.values);
  if (numbers == nullptr || tensor.shape.size() != dimensions)
    reject(origin, fmt::format("tensor '{}' has the wrong type or number of dimensions", name));
  if (shape != nullptr) *shape = &tensor.shape;
  return *numbers;
}

Vector TensorFile::vector(const std::string& name) const {
  const auto& v = values<double>(name, 1);
  return Eigen::Map<const Vector>(v.data(), static_cast<Index>(v.size()));
}

Matrix TensorFile::matrix(const std::string& name) const {
  const std::vector<Index>* shape = nullptr;
  const auto& v = values<double>(name, 2, &shape);
  return Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
      v.data(), (*shape)[0], (*shape)[1]);
}

double TensorFile::number(const std::string& name) const { return values<double>(name, 0)[0]; }

std::int64_t TensorFile::integer(const std::string& name) const {
  return values<std::int64_t>(name, 0)[0];
}

std::vector<std::int64_t> TensorFile::integers(const std::string& name) const {
  return values<std::int64_t>(name, 1);
}

const std::string& TensorFile::text(const std::string& key) const {
  const auto found = metadata.find(key);
  if (found == metadata.end()) reject(origin, fmt::format("there is no metadata '{}'", key));
  return found->second;
}

TensorFile TensorFile::parse(const std::string& bytes, const std::string& origin) {
  if (bytes.size() < length_bytes) reject(origin, "too short to hold tensors");
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), length_bytes);
  if (header_bytes > header_limit)
    reject(origin, "not a tensor file, or its header is over 100 MB");
  if (header_bytes > bytes.size() - length_bytes) reject(origin, "truncated within the header");

  TensorFile file;
  file.origin = origin;
  const char* data = bytes.data() + length_bytes + header_bytes;
  const std::size_t data_bytes = bytes.size() - length_bytes - header_bytes;
  std::vector<Extent> extents;
  const Json header = parse_header(bytes, header_bytes, origin);
  for (const auto& [name, entry] : header.items()) {
    if (name == metadata_key) {
      file.metadata = parse_metadata(entry, origin);
      continue;
    }
    if (!entry.is_object()) reject(origin, fmt::format("tensor '{}' has no description", name));
    extents.push_back(parse_extent(entry, name, origin, data_bytes));
    file.tensors[name] = parse_tensor(entry, name, origin, data, extents.back());
  }
  require_gapless(std::move(extents), data_bytes, origin);
  return file;
}

TensorFile TensorFile::read(const std::filesystem::path& path) {
  std::error_code code;
  const auto status = std::filesystem::status(path, code);
  if (!std::filesystem::exists(status)) reject(path.string(), "there is no such file");
  if (!std::filesystem::is_regular_file(status)) reject(path.string(), "is not a regular file");
  const auto size = std::filesystem::file_size(path, code);
  std::ifstream stream(path, std::ios::binary);
  if (code || !stream) reject(path.string(), "cannot be read");
  std::string bytes(size, '\0');
  stream.read(bytes.data(), static_cast<std::streamsize>(size));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, stream.gcount())));
  return parse(bytes, path.string());
}

std::string TensorFile::bytes() const {
  Json header = Json::object();
  if (!metadata.empty()) header[metadata_key] = metadata;
  std::size_t position = 0;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t end = position + size_of(tensor);
    header[name] = {
        {"dtype", std::holds_alternative<std::vector<double>>(tensor.values) ? "F64" : "I64"},
        {"shape", tensor.shape},
        {"data_offsets", {position, end}}};
    position = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::exception&) {
    throw UsageError("a name or text in a tensor file is not valid UTF-8", "use UTF-8", origin);
  }
  while (text.size() % element_bytes != 0) text += ' ';  // aligns the data

  const std::uint64_t header_bytes = text.size();
  std::string result(length_bytes, '\0');
  std::memcpy(result.data(), &header_bytes, length_bytes);
  result.reserve(length_bytes + text.size() + position);
  result += text;
  for (const auto& [name, tensor] : tensors) result.append(data_of(tensor), size_of(tensor));
  return result;
}

void TensorFile::write(const std::filesystem::path& path) const {
  write_file_atomically(path, bytes());
}

void write_file_atomically(const std::filesystem::path& path, const std::string& content) {
  std::error_code code;
  const auto status = std::filesystem::status(path, code);
  if (std::filesystem::is_directory(status))
    throw DataError("is a directory", path.string(), "name a file");
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    write_in_place(path, content);  // a device or pipe: a rename would replace the device itself
    return;
  }
  const bool is_link = std::filesystem::is_symlink(path, code);
  const auto target = is_link ? std::filesystem::weakly_canonical(path, code) : path;
  replace_file(code ? path : target, content);
}

}  // namespace thalweg
