// The bytes of a file or of stdin, gunzipped.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>

#include "thalweg/core/error.hpp"
#include "thalweg/data/table.hpp"

namespace thalweg {
namespace {

// A file descriptor that closes itself; stdin stays open.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ > STDIN_FILENO) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

int open_for_reading(const std::string& path) {
  if (path == "-") return STDIN_FILENO;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) return fd;
  switch (errno) {
    case ENOENT: throw DataError("no such file", path, "check the path");
    case EACCES: throw DataError("no permission to read this file", path, "change its permissions");
    default: throw DataError(fmt::format("cannot be opened ({})", std::strerror(errno)), path);
  }
}

std::string read_all(int fd, const std::string& where) {
  struct stat status {};
  if (::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
    throw DataError("is a directory", where, "name a file in it");
  std::string bytes;
  if (S_ISREG(status.st_mode)) bytes.reserve(static_cast<std::size_t>(status.st_size));
  std::string block(std::size_t{1} << 18, '\0');  // stays in the cache
  for (;;) {
    const ssize_t count = ::read(fd, block.data(), block.size());
    if (count == 0) return bytes;
    if (count > 0) {
      bytes.append(block.data(), static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      throw DataError(fmt::format("cannot be read ({})", std::strerror(errno)), where);
    }
  }
}

bool is_gzip(std::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
}

// Inflates one or more gzip members (RFC 1952).
std::string gunzip(const std::string& packed, const std::string& where) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, inflateEnd);

  std::string bytes;
  std::string block(std::size_t{1} << 18, '\0');
  std::size_t consumed = 0;
  int status = Z_OK;
  for (;;) {
    if (stream.avail_in == 0) {  // zlib counts in 32 bits, a file may be larger
      const std::size_t part = std::min(packed.size() - consumed, std::size_t{1} << 30);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + consumed));
      stream.avail_in = static_cast<uInt>(part);
      consumed += part;
    }
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    status = inflate(&stream, Z_NO_FLUSH);
    bytes.append(block.data(), block.size() - stream.avail_out);
    if (status == Z_STREAM_END) {
      if (stream.avail_in == 0 && consumed == packed.size()) return bytes;
      inflateReset(&stream);  // the next member
    } else if (status != Z_OK) {
      break;
    }
  }
  const bool truncated = status == Z_BUF_ERROR;
  throw DataError(truncated ? "the gzip data ends too early" : "the gzip data are damaged", where,
                  "copy or compress the file again");
}

}  // namespace

std::string read_bytes(const std::string& path) {
  const Descriptor file(open_for_reading(path));
  const std::string where = path == "-" ? "stdin" : path;
  try {
    std::string bytes = read_all(file.get(), where);
    return is_gzip(bytes) ? gunzip(bytes, where) : bytes;
  } catch (const std::bad_alloc&) {
    throw DataError("does not fit into memory", where, "give a smaller table");
  } catch (const std::length_error&) {
    throw DataError("does not fit into memory", where, "give a smaller table");
  }
}

}  // namespace thalweg
